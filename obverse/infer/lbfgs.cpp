#include <ATen/ATen.h>
#include <ATen/ops/linalg_inv.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/autograd.h"
#include "obverse/infer/search.h"

namespace obverse {
namespace {

constexpr int64_t kPairs = 20;         // steps and changes of gradient that are remembered
constexpr int64_t kLargestCode = 256;  // beyond, the curvature costs more than it saves
constexpr int64_t kFew = 16;           // codes whose mean curvature stands for all at first
constexpr double kDifference = 0.01;   // of codes, for the Jacobian
constexpr double kDamping = 0.5;       // share of the curvature's mean that is added to it ...
constexpr double kDampingDecay = 0.6;  // ... which falls so each time it is taken anew
constexpr double kSufficient = 1e-4;   // share of the promised decrease that a step must keep (Armijo)
constexpr double kShorter = 0.4;       // a step that does not is shortened so
constexpr double kFirstMove = 0.3;     // length of the first step where there is no curvature

// Views of Candidates::memory. Codes are flat here: [M, D].
struct Memory {
  at::Tensor &loss, &slope, &reach;  // [M], [M, D], [M] share of the step that is tried
  at::Tensor &moves, &changes,
      &weights;         // the pairs, oldest first [M, pairs, D] twice, [M, pairs] 1 / <s, y>, 0: no pair
  at::Tensor& inverse;  // what the two loops start from: [M, D, D], or [M, 1, 1] times the identity

  explicit Memory(std::vector<at::Tensor>& m)
      : loss(m[0]), slope(m[1]), reach(m[2]), moves(m[3]), changes(m[4]), weights(m[5]), inverse(m[6]) {}
};

at::Tensor row_dot(const at::Tensor& a, const at::Tensor& b) { return (a * b).sum(-1); }
at::Tensor choose(const at::Tensor& which, const at::Tensor& a, const at::Tensor& b) {
  return at::where(beside(which, a), a, b);
}

// Differences of G around each code. J: [M, D, P].
at::Tensor jacobian(const Objective& objective, const Candidates& c) {
  const int64_t d = c.code.flatten(1).size(1), at_once = std::max<int64_t>(1, objective.options.batch / d);
  const at::Tensor moves = kDifference * at::eye(d, c.code.options());
  const at::Tensor base = objective.model.decode(c.code, c.y).flatten(1);  // [M, P]
  std::vector<at::Tensor> parts;
  for (int64_t i = 0; i < c.size(); i += at_once) {
    const at::Tensor code = c.code.slice(0, i, i + at_once), centre = base.slice(0, i, i + at_once).unsqueeze(1);
    const at::Tensor moved = (code.flatten(1).unsqueeze(1) + moves).flatten(0, 1);  // [m D, D]
    std::vector<int64_t> shape = code.sizes().vec();
    shape[0] = -1;
    const at::Tensor y = c.y.defined() ? c.y.slice(0, i, i + at_once).repeat_interleave(d) : c.y;
    const at::Tensor decoded = objective.model.decode(moved.view(shape), y).flatten(1);
    parts.push_back((decoded.view({code.size(0), d, -1}) - centre) / kDifference);
  }
  return at::cat(parts);
}

// 2 / P J J^T: the Gauss-Newton curvature of the pixels' term. [M, D, D].
at::Tensor curvature(const Objective& objective, const Candidates& c) {
  const at::Tensor j = without_grad([&] { return jacobian(objective, c); });
  return 2 / static_cast<double>(j.size(2)) * at::bmm(j, j.transpose(1, 2));
}

// Of many codes that of the mean over a few: most of what it says of directions is the model's own, and it costs as
// many fewer decodings. Taken once a search.
at::Tensor common_curvature(const Objective& objective, const Candidates& c) {
  if (!objective.curvature.defined()) {
    const at::Tensor rows = (at::arange(kFew) * c.size()).div(kFew, "floor").to(at::kLong);
    objective.curvature = curvature(objective, c.pick(rows)).mean(0, /*keepdim=*/true);
  }
  return objective.curvature.expand({c.size(), -1, -1});
}

// (curvature + prior + damping)^-1. [M, D, D].
at::Tensor damped_inverse(const Objective& objective, const at::Tensor& curvature, double damping) {
  const double numbers = static_cast<double>(objective.x.numel() / objective.x.size(0));
  const at::Tensor mean = curvature.diagonal(0, 1, 2).mean(1).view({-1, 1, 1}).clamp_min(1e-12);
  const at::Tensor added = damping * mean + objective.options.prior_weight / numbers;
  return at::linalg_inv(curvature + added * at::eye(curvature.size(1), curvature.options()));
}

// Value and slope at the codes. The first steps are long, and need them in bfloat16 only.
std::pair<at::Tensor, at::Tensor> probe(const Objective& objective, const at::Tensor& code, const at::Tensor& y,
                                        bool roughly) {
  struct Rough {
    LatentModel* model;
    ~Rough() {
      if (model) model->decode_roughly(false);
    }
  } rough{roughly && objective.model.decode_roughly(true) ? &objective.model : nullptr};
  return objective.slope(code, y);
}

void start(const Objective& objective, Candidates& c, bool roughly) {
  const int64_t m = c.size(), d = c.code.flatten(1).size(1);
  const auto [loss, slope] = probe(objective, c.code, c.y, roughly);
  const auto kind = c.code.options();
  const at::Tensor length = slope.flatten(1).norm(2, 1).clamp_min(1e-12);
  c.memory = {loss,
              slope.flatten(1),
              at::ones({m}, kind),
              at::zeros({m, kPairs, d}, kind),
              at::zeros({m, kPairs, d}, kind),
              at::zeros({m, kPairs}, kind),
              (kFirstMove / length).view({-1, 1, 1})};
}

// What was found roughly is measured anew.
void look_closely(const Objective& objective, Candidates& c) {
  Memory memory(c.memory);
  const auto [loss, slope] = objective.slope(c.code, c.y);
  memory.loss = loss, memory.slope = slope.flatten(1), c.best = c.code, c.best_loss = loss;
}

// The curvature is taken anew and the pairs are forgotten. The first steps go down what all codes have in common, later
// ones, which few codes need, what is each code's own.
void refresh(const Objective& objective, Candidates& c, int64_t times) {
  Memory memory(c.memory);
  const double damping = kDamping * std::pow(kDampingDecay, static_cast<double>(times));
  memory.inverse = damped_inverse(
      objective, times == 0 && c.size() > kFew ? common_curvature(objective, c) : curvature(objective, c), damping);
  memory.weights = at::zeros_like(memory.weights);
  memory.reach = at::ones_like(memory.reach);
}

// The two-loop recursion: minus the inverse Hessian's estimate times the gradient. [M, D].
at::Tensor direction(const Memory& memory) {
  at::Tensor q = memory.slope;
  std::vector<at::Tensor> shares(kPairs);
  for (int64_t i = kPairs - 1; i >= 0; --i) {
    shares[i] = memory.weights.select(1, i) * row_dot(memory.moves.select(1, i), q);
    q = q - shares[i].unsqueeze(1) * memory.changes.select(1, i);
  }
  q = memory.inverse.size(2) == 1 ? q * memory.inverse.squeeze(2) : at::bmm(memory.inverse, q.unsqueeze(2)).squeeze(2);
  for (int64_t i = 0; i < kPairs; ++i) {
    const at::Tensor back = memory.weights.select(1, i) * row_dot(memory.changes.select(1, i), q);
    q = q + (shares[i] - back).unsqueeze(1) * memory.moves.select(1, i);
  }
  return choose(row_dot(q, memory.slope) > 0, -q, -memory.slope);
}

// Appends the pair of a step taken where it has positive curvature.
void learn(Memory& memory, const at::Tensor& taken, const at::Tensor& move, const at::Tensor& change) {
  const at::Tensor product = row_dot(move, change), scale = move.norm(2, 1) * change.norm(2, 1);
  const at::Tensor good = taken & (product > 1e-8 * scale);
  const auto append = [&](at::Tensor& to, const at::Tensor& value) {
    to = choose(good, at::cat({to.slice(1, 1), value.unsqueeze(1)}, 1), to);
  };
  append(memory.moves, move);
  append(memory.changes, change);
  append(memory.weights, 1 / product);
  if (memory.inverse.size(2) == 1)
    memory.inverse = choose(good, (product / row_dot(change, change)).view({-1, 1, 1}), memory.inverse);
}

}  // namespace

// One trial a step, all candidates at once: a row whose trial fails tries a shorter step next.
void descend_by_lbfgs(const Objective& objective, Candidates& c, int64_t begin, int64_t end) {
  const OptimiseOptions& o = objective.options;
  const bool curved = o.curvature_every > 0 && c.code.flatten(1).size(1) <= kLargestCode;
  const int64_t rough = std::min(o.rough_steps, o.steps / 2);
  if (begin == 0) start(objective, c, rough > 0);
  for (int64_t step = begin; step < end; ++step) {
    if (step == rough && rough > 0) look_closely(objective, c);
    if (curved && step % o.curvature_every == 0) refresh(objective, c, step / o.curvature_every);
    Memory memory(c.memory);
    at::Tensor move = memory.reach.unsqueeze(1) * direction(memory);  // [M, D]
    at::Tensor trial = c.code + move.view_as(c.code);
    if (objective.bound > 0) {  // beyond it no slope leads back
      trial = trial.clamp(-objective.bound, objective.bound);
      move = (trial - c.code).flatten(1);
    }
    const auto [loss, gradient] = probe(objective, trial, c.y, step < rough);
    const at::Tensor slope = gradient.flatten(1);
    const at::Tensor taken = loss <= memory.loss + kSufficient * row_dot(memory.slope, move);
    learn(memory, taken, move, slope - memory.slope);
    c.code = choose(taken, trial, c.code);
    memory.loss = at::where(taken, loss, memory.loss);
    memory.slope = choose(taken, slope, memory.slope);
    memory.reach = at::where(taken, at::ones_like(memory.reach), memory.reach * kShorter);
    c.remember(c.code, memory.loss, o.tolerance);
    if (o.patience > 0) c.active = c.stale < o.patience;
    c.steps = c.steps + 1;
  }
}

}  // namespace obverse
