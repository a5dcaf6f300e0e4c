#include "obverse/infer/optimise.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/losses/reconstruction.h"

namespace obverse {

void OptimiseOptions::describe(Fields& f) {
  f("steps", steps, "gradient steps on each code; 0: the start as it is", {0, 1000000});
  f("restarts", restarts, "codes tried for each image", {1, 10000});
  f("pool", pool, "codes drawn from the prior, of which the nearest to an image are its starts", {1, 1000000});
  f("lr", lr, "first step size of Adam; falls to 0 by a cosine", kPositive);
  f("beta1", beta1, "decay of the gradient's moving average", {0, 0.9999});
  f("beta2", beta2, "decay of the squared gradient's moving average", {0, 0.999999});
  f("feature_weight", feature_weight, "of the distance in the discriminator's features", kNotNegative);
  f("prior_weight", prior_weight, "of the prior on codes; twice the variance of noise on the pixels", kNotNegative);
  f("clip", clip, "numbers of a code beyond this are drawn afresh from the prior (Lipton 2017); 0: off", kNotNegative);
  f("tolerance", tolerance, "a loss that falls by less than this share of itself stands still", kShare);
  f("patience", patience, "steps of standing still after which a code's step size is halved; 0: never", kNotNegative);
  f("prune", prune, "give up the worse half of an image's codes after every tenth of the steps");
  f("batch", batch, "codes decoded at once", {1, 65536});
}

namespace {

constexpr int64_t kRungs = 10;           // the steps are done in so many parts; between them candidates are given up
constexpr double kConverged = 1.0 / 32;  // a code whose step size has been halved to this share is left alone

// All that is known of the candidates, a row each, so that rows can be picked and put back.
struct Candidates {
  at::Tensor image, y, code;    // [M], [M] or undefined, [M, ...]
  at::Tensor first, second;     // Adam's moments [M, ...]
  at::Tensor best, best_loss;   // the best code so far [M, ...], [M]
  at::Tensor lr_factor, stale;  // [M], [M] steps without progress
  at::Tensor steps;             // [M] int64

  explicit Candidates(const Starts& s)
      : image(s.image),
        y(s.y),
        code(s.code.clone()),
        first(at::zeros_like(code)),
        second(at::zeros_like(code)),
        best(code),
        best_loss(at::full({code.size(0)}, std::numeric_limits<double>::infinity(), code.options())),
        lr_factor(at::ones({code.size(0)}, code.options())),
        stale(at::zeros({code.size(0)}, at::kLong)),
        steps(at::zeros({code.size(0)}, at::kLong)) {}

  std::vector<at::Tensor*> columns() {
    std::vector<at::Tensor*> all = {&image, &code, &first, &second, &best, &best_loss, &lr_factor, &stale, &steps};
    if (y.defined()) all.push_back(&y);
    return all;
  }
  int64_t size() const { return code.size(0); }
  Candidates pick(const at::Tensor& rows) const {
    Candidates part = *this;
    for (at::Tensor* column : part.columns()) *column = column->index_select(0, rows);
    return part;
  }
  void put(const at::Tensor& rows, Candidates part) {
    const auto to = columns(), from = part.columns();
    for (size_t i = 0; i < to.size(); ++i) *to[i] = to[i]->index_copy(0, rows, *from[i]);
  }
};

// values [m] shaped to multiply codes [m, ...].
at::Tensor beside(const at::Tensor& values, const at::Tensor& code) {
  std::vector<int64_t> shape(code.dim(), 1);
  shape[0] = -1;
  return values.view(shape);
}

class Search {
 public:
  Search(LatentModel& model, const at::Tensor& x, const Starts& starts, const OptimiseOptions& options, Rng& rng)
      : model_(model), options_(options), rng_(rng), x_(x), candidates_(starts) {
    if (options.feature_weight > 0) features_ = target_features();
    seconds_ = at::zeros({x.size(0)}, at::kDouble);
  }
  void run(const InferProgress& progress);
  Optimised best();

 private:
  at::Tensor target_features();
  at::Tensor objective(const at::Tensor& code, const Candidates& c, const at::Tensor& x, const at::Tensor& features);
  void remember(Candidates& c, const at::Tensor& loss);
  void move(Candidates& c, const at::Tensor& gradient, int64_t step);
  void work(const at::Tensor& rows, int64_t begin, int64_t end);
  bool each_slice(const at::Tensor& rows, int64_t begin, int64_t end, const InferProgress& progress);
  void give_up_half();
  at::Tensor ranked();

  LatentModel& model_;
  const OptimiseOptions& options_;
  Rng& rng_;
  at::Tensor x_, features_, seconds_;  // [N, ...], [N, F] or undefined, [N]
  Candidates candidates_;
};

at::Tensor Search::target_features() {
  std::vector<at::Tensor> parts;
  without_grad([&] {
    for (int64_t i = 0; i < x_.size(0); i += options_.batch)
      parts.push_back(model_.features(x_.slice(0, i, i + options_.batch)));
    return 0;
  });
  return at::cat(parts);
}

// The formula of optimise.h, a value a candidate. code: [m, ...], x: [m, ...]; returns [m].
at::Tensor Search::objective(const at::Tensor& code, const Candidates& c, const at::Tensor& x,
                             const at::Tensor& features) {
  const at::Tensor decoded = model_.decode(code, c.y);
  at::Tensor loss = mean_squared_error(decoded, x);
  if (features.defined())
    loss = loss + options_.feature_weight * relative_squared_error(model_.features(decoded), features);
  if (options_.prior_weight > 0)
    loss = loss + options_.prior_weight / (2.0 * (x.numel() / x.size(0))) * code.square().flatten(1).sum(1);
  return loss;
}

// Keeps the best codes, and halves the step size of those whose loss stands still.
void Search::remember(Candidates& c, const at::Tensor& loss) {
  const at::Tensor better = loss < c.best_loss, progress = loss < c.best_loss * (1 - options_.tolerance);
  c.best = at::where(beside(better, c.code), c.code, c.best);
  c.best_loss = at::where(better, loss, c.best_loss);
  c.stale = (c.stale + 1).masked_fill(progress, 0);
  if (options_.patience == 0) return;
  const at::Tensor stuck = c.stale >= options_.patience;
  c.lr_factor = at::where(stuck, c.lr_factor * 0.5, c.lr_factor);
  c.stale = c.stale.masked_fill(stuck, 0);
}

// Adam on every code by itself, with a step size of its own.
void Search::move(Candidates& c, const at::Tensor& gradient, int64_t step) {
  c.first = options_.beta1 * c.first + (1 - options_.beta1) * gradient;
  c.second = options_.beta2 * c.second + (1 - options_.beta2) * gradient.square();
  const double t = static_cast<double>(step + 1),
               share = static_cast<double>(step) / static_cast<double>(options_.steps);
  const double lr = options_.lr * (1 + std::cos(M_PI * share)) / 2;
  const at::Tensor direction =
      c.first / (1 - std::pow(options_.beta1, t)) / ((c.second / (1 - std::pow(options_.beta2, t))).sqrt() + 1e-8);
  c.code = c.code - lr * beside(c.lr_factor, c.code) * direction;
  if (options_.clip > 0)
    c.code = at::where(c.code.abs() > options_.clip, rng_.normal(c.code.sizes()).to(c.code), c.code);
  c.steps = c.steps + 1;
}

// Steps begin .. end - 1 of these candidates; begin == end only scores them.
void Search::work(const at::Tensor& rows, int64_t begin, int64_t end) {
  Candidates c = candidates_.pick(rows);
  const at::Tensor x = x_.index_select(0, c.image);
  const at::Tensor features = features_.defined() ? features_.index_select(0, c.image) : at::Tensor();
  for (int64_t step = begin; step < end; ++step) {
    const at::Tensor code = c.code.detach().requires_grad_();
    const at::Tensor loss = objective(code, c, x, features);
    const at::Tensor slope = gradient(loss, code);
    without_grad([&] {
      remember(c, loss.detach());
      move(c, slope, step);
      return 0;
    });
  }
  if (begin == end)
    without_grad([&] {
      remember(c, objective(c.code, c, x, features));
      return 0;
    });
  candidates_.put(rows, c);
}

// Works through the rows in slices, keeping time. Returns whether to go on.
bool Search::each_slice(const at::Tensor& rows, int64_t begin, int64_t end, const InferProgress& progress) {
  for (int64_t i = 0; i < rows.size(0); i += options_.batch) {
    const auto start = std::chrono::steady_clock::now();
    const at::Tensor slice = rows.slice(0, i, i + options_.batch);
    work(slice, begin, end);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    seconds_.index_add_(0, candidates_.image.index_select(0, slice),
                        at::full({slice.size(0)}, spent.count() / static_cast<double>(slice.size(0)), at::kDouble));
    const double part = static_cast<double>(i + slice.size(0)) / static_cast<double>(rows.size(0));
    if (progress && begin < end && !progress((begin + part * (end - begin)) / options_.steps)) return false;
  }
  return true;
}

// Rows ordered by image, the better ones of an image first.
at::Tensor Search::ranked() {
  const at::Tensor by_loss = at::argsort(candidates_.best_loss);
  const at::Tensor image = candidates_.image.index_select(0, by_loss);
  return by_loss.index_select(0, std::get<1>(at::sort(image, /*stable=*/true, 0, false)));
}

void Search::give_up_half() {
  const at::Tensor order = ranked(), image = candidates_.image.index_select(0, order);
  const at::Tensor count = at::bincount(image, {}, x_.size(0));  // [N] candidates
  const at::Tensor rank = at::arange(order.size(0)) - (count.cumsum(0) - count).index_select(0, image);
  const at::Tensor kept = order.masked_select(rank < ((count + 1).div(2, "floor")).index_select(0, image));
  if (kept.size(0) < order.size(0)) candidates_ = candidates_.pick(kept);
}

void Search::run(const InferProgress& progress) {
  const int64_t part = std::max<int64_t>(1, options_.steps / kRungs);
  for (int64_t step = 0; step < options_.steps; step += part) {
    const at::Tensor active = at::nonzero(candidates_.lr_factor > kConverged).flatten();
    if (active.size(0) == 0) break;
    if (!each_slice(active, step, std::min(options_.steps, step + part), progress)) break;
    if (options_.prune) give_up_half();
  }
  each_slice(at::arange(candidates_.size()), options_.steps, options_.steps, {});
}

Optimised Search::best() {
  const at::Tensor order = ranked(), image = candidates_.image.index_select(0, order);
  const at::Tensor count = at::bincount(image, {}, x_.size(0));
  const Candidates c = candidates_.pick(order.index_select(0, count.cumsum(0) - count));
  return {c.best, c.y, c.best_loss, c.steps, seconds_};
}

}  // namespace

Optimised optimise(LatentModel& model, const at::Tensor& x, const Starts& starts, const OptimiseOptions& options,
                   Rng& rng, const InferProgress& progress) {
  if (options.feature_weight > 0 && !model.has_features())
    fail("feature_weight: {} has no discriminator to take features of; set it to 0", model.name);
  Search search(model, x, starts, options, rng);
  search.run(progress);
  return search.best();
}

}  // namespace obverse
