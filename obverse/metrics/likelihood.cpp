#include "obverse/metrics/likelihood.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"

namespace obverse {
namespace {

// 0 = first, 1 = last, along a sigmoid over [-4, 4]: dense at both ends (Wu 2017).
std::vector<double> sigmoid_schedule(int64_t distributions) {
  const auto sigmoid = [](double t) { return 1 / (1 + std::exp(-t)); };
  const double low = sigmoid(-4), high = sigmoid(4);
  std::vector<double> betas;
  for (int64_t t = 0; t <= distributions; ++t)
    betas.push_back((sigmoid(8.0 * static_cast<double>(t) / static_cast<double>(distributions) - 4) - low) /
                    (high - low));
  return betas;
}

void check_finite(const at::Tensor& log_prob) {
  if (!log_prob.sum().isfinite().item<bool>())
    fail("annealing: the decoder or the samples hold values that are not finite");
}

at::Tensor beside(const at::Tensor& per_row, const at::Tensor& x) {  // [N] to [N, 1, ...]
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
  shape[0] = per_row.size(0);
  return per_row.view(shape);
}

}  // namespace

at::Tensor Observation::log_prob(const at::Tensor& x, const at::Tensor& decoded) const {
  const at::Tensor mean = decoded.flatten(1).to(at::kDouble), value = x.flatten(1).to(at::kDouble);
  if (kind == Kind::bernoulli) {
    const at::Tensor p = (mean / 2 + 0.5).clamp(1e-6, 1 - 1e-6);
    return at::where(value > 0, p.log(), (1 - p).log()).sum(1);
  }
  const double normaliser = static_cast<double>(mean.size(1)) * std::log(2 * M_PI * sigma * sigma);
  return (value - mean).square().sum(1) * (-0.5 / (sigma * sigma)) - 0.5 * normaliser;
}

at::Tensor Observation::draw(const at::Tensor& decoded, Rng& rng) const {
  if (kind == Kind::gaussian) return decoded + sigma * rng.normal(decoded.sizes()).to(decoded.scalar_type());
  return (rng.uniform(decoded.sizes()) < decoded / 2 + 0.5).to(decoded.scalar_type()) * 2 - 1;
}

std::string Observation::text() const {
  return kind == Kind::bernoulli ? "bernoulli" : fmt::format("gaussian, sigma {:.4g}", sigma);
}

// Chains at one moment, a row each.
struct Annealing::State {
  at::Tensor x, z;
  at::Tensor log_prob, slope;  // log p(x | z) [N] float64, and its gradient in z
  double accepted = 0;         // share of the last transition
};

Annealing::Annealing(Decoder decoder, int64_t latents, const Observation& observation, const AnnealingOptions& options,
                     const at::Tensor& x, at::ScalarType dtype)
    : decoder_(std::move(decoder)),
      latents_(latents),
      observation_(observation),
      options_(options),
      dtype_(dtype),
      betas_(sigmoid_schedule(options.distributions)),
      rng_(options.seed, "annealing") {
  if (options.chains < 1 || options.distributions < 2 || options.leapfrogs < 1 || options.rows < options.chains)
    fail("annealing: needs a chain, a leapfrog, two distributions, and no fewer rows than chains");
  if (x.size(0) == 0) fail("annealing: no samples");
  find_steps(x);
}

void Annealing::look(State& state) {
  const at::Tensor z = state.z.detach().requires_grad_(true);
  const at::Tensor log_prob = observation_.log_prob(state.x, decoder_(z));
  state.slope = gradient(log_prob, z);
  state.log_prob = log_prob.detach();
}

// Leapfrog steps on U(z) = |z|^2 / 2 - beta log p(x | z), then Metropolis's choice (Neal 2011, section 5.3.2).
void Annealing::transition(State& state, double beta, double step) {
  const auto energy = [&](const State& s, const at::Tensor& momentum) {
    return 0.5 * (s.z.to(at::kDouble).square().sum(1) + momentum.to(at::kDouble).square().sum(1)) - beta * s.log_prob;
  };
  // Each chain's step is drawn anew: of a fixed length, orbits would return to where they began (Neal 2011,
  // section 5.4.2.2).
  const at::Tensor steps = ((rng_.uniform({state.z.size(0), 1}) + 0.5) * step).to(dtype_);
  const auto push = [&](const State& s) { return (beta * s.slope - s.z) * steps; };  // downhill
  at::Tensor momentum = rng_.normal(state.z.sizes()).to(dtype_);
  const at::Tensor before = energy(state, momentum);
  State next = state;
  momentum = momentum + 0.5 * push(next);
  for (int64_t i = 0; i < options_.leapfrogs; ++i) {
    next.z = next.z + steps * momentum;
    look(next);
    momentum = momentum + (i + 1 < options_.leapfrogs ? 1.0 : 0.5) * push(next);
  }
  const at::Tensor luck = rng_.uniform({state.z.size(0)}).to(at::kDouble).log();
  const at::Tensor taken = luck < before - energy(next, momentum);
  state.z = at::where(beside(taken, state.z), next.z, state.z);
  state.slope = at::where(beside(taken, state.slope), next.slope, state.slope);
  state.log_prob = at::where(taken, next.log_prob, state.log_prob);
  state.accepted = taken.to(at::kDouble).mean().item<double>();
}

// One pass with a step size that follows the acceptance of all chains together.
void Annealing::find_steps(const at::Tensor& x) {
  const int64_t rows = std::min(x.size(0) * options_.chains, std::min<int64_t>(options_.rows, 512));
  State state;
  state.x = x.index_select(0, at::arange(rows, at::kLong).remainder(x.size(0)));
  state.z = rng_.normal({rows, latents_}).to(dtype_);
  look(state);
  check_finite(state.log_prob);
  double step = 0.1;
  const auto move = [&](double beta) {
    transition(state, beta, step);
    step = std::clamp(step * std::exp(0.3 * (state.accepted - options_.acceptance)), 1e-6, 1.0);
  };
  for (int i = 0; i < 50; ++i) move(betas_[1]);
  steps_ = {0};
  for (size_t t = 1; t + 1 < betas_.size(); ++t) {
    move(betas_[t]);
    steps_.push_back(step);
  }
}

// Log weights of chains, a row of x each: from the prior when z is undefined, else backwards from z.
at::Tensor Annealing::chains_of(const at::Tensor& x, const at::Tensor& z, double& acceptance) {
  State state;
  state.x = x;
  state.z = z.defined() ? z.to(dtype_) : rng_.normal({x.size(0), latents_}).to(dtype_);
  look(state);
  check_finite(state.log_prob);
  at::Tensor log_weight = at::zeros({x.size(0)}, at::kDouble);
  const auto last = static_cast<int64_t>(betas_.size()) - 1;
  for (int64_t i = 0; i < last; ++i) {
    const auto t = static_cast<size_t>(z.defined() ? last - 1 - i : i);  // between distributions t and t + 1
    log_weight = log_weight + (betas_[t + 1] - betas_[t]) * state.log_prob;
    if (i + 1 == last) break;
    const size_t moved = z.defined() ? t : t + 1;
    transition(state, betas_[moved], steps_[moved]);
    acceptance += state.accepted / static_cast<double>(last - 1);
  }
  return log_weight;
}

AnnealingResult Annealing::run(const at::Tensor& x, const at::Tensor& z) {
  const int64_t n = x.size(0), chains = options_.chains, slice = std::max<int64_t>(1, options_.rows / chains);
  const double sign = z.defined() ? -1 : 1;  // backwards, the weights' reciprocals are averaged
  std::vector<at::Tensor> parts;
  AnnealingResult result;
  for (int64_t first = 0; first < n; first += slice) {
    const at::Tensor own = x.slice(0, first, first + slice);
    const at::Tensor from = z.defined() ? z.slice(0, first, first + slice).repeat_interleave(chains, 0) : z;
    double acceptance = 0;
    const at::Tensor weights =
        chains_of(own.repeat_interleave(chains, 0), from, acceptance).view({own.size(0), chains});
    parts.push_back(sign * ((sign * weights).logsumexp({1}) - std::log(static_cast<double>(chains))));
    result.mean_acceptance += acceptance * static_cast<double>(own.size(0)) / static_cast<double>(n);
  }
  result.log_prob = at::cat(parts);
  return result;
}

AnnealingResult Annealing::forward(const at::Tensor& x) { return run(x, {}); }

AnnealingResult Annealing::reverse(const at::Tensor& x, const at::Tensor& z) { return run(x, z); }

AnnealingGap annealing_gap(const Decoder& decoder, int64_t latents, const Observation& observation,
                           const AnnealingOptions& options, int64_t samples, at::ScalarType dtype) {
  Rng rng(options.seed, "simulated data");
  const at::Tensor z = rng.normal({samples, latents}).to(dtype);
  const at::Tensor x = observation.draw(without_grad([&] { return decoder(z); }), rng);
  Annealing annealing(decoder, latents, observation, options, x, dtype);
  const at::Tensor lower = annealing.forward(x).log_prob, upper = annealing.reverse(x, z).log_prob;
  AnnealingGap gap;
  gap.lower = lower.mean().item<double>();
  gap.upper = upper.mean().item<double>();
  gap.error =
      samples > 1 ? (upper - lower).std().item<double>() / std::sqrt(static_cast<double>(samples)) : std::nan("");
  return gap;
}

}  // namespace obverse
