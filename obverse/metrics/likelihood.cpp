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

TemperedDensity Annealing::density(const at::Tensor& x, double beta) const {
  return {[this, x](const at::Tensor& z) { return observation_.log_prob(x, decoder_(z)); }, beta, true};
}

HamiltonianChains Annealing::begin(const at::Tensor& x, const at::Tensor& z) const {
  HamiltonianChains chains = HamiltonianChains::at_position(density(x, 1).f, z);
  if (!chains.value.sum().isfinite().item<bool>())
    fail("annealing: the decoder or the samples hold values that are not finite");
  return chains;
}

// Moves the chains at one temperature; returns the mean chance of acceptance.
double Annealing::move(HamiltonianChains& chains, const at::Tensor& x, double beta, double step) {
  const at::Tensor steps = (rng_.uniform({x.size(0)}) + 0.5) * step;
  return chains.advance(density(x, beta), steps, options_.leapfrogs, rng_).mean().item<double>();
}

// One pass with a step size that follows the acceptance of all chains together.
void Annealing::find_steps(const at::Tensor& x) {
  const int64_t rows = std::min(x.size(0) * options_.chains, std::min<int64_t>(options_.rows, 512));
  const at::Tensor own = x.index_select(0, at::arange(rows, at::kLong).remainder(x.size(0)));
  HamiltonianChains chains = begin(own, rng_.normal({rows, latents_}).to(dtype_));
  double step = 0.1;
  const auto adapt = [&](double beta) {
    const double accepted = move(chains, own, beta, step);
    step = std::clamp(step * std::exp(0.3 * (accepted - options_.acceptance)), 1e-6, 1.0);
  };
  for (int i = 0; i < 50; ++i) adapt(betas_[1]);
  steps_ = {0};
  for (size_t t = 1; t + 1 < betas_.size(); ++t) {
    adapt(betas_[t]);
    steps_.push_back(step);
  }
}

// Log weights of chains, a row of x each: from the prior when z is undefined, else backwards from z.
at::Tensor Annealing::chains_of(const at::Tensor& x, const at::Tensor& z, double& acceptance) {
  HamiltonianChains chains = begin(x, z.defined() ? z.to(dtype_) : rng_.normal({x.size(0), latents_}).to(dtype_));
  at::Tensor log_weight = at::zeros({x.size(0)}, at::kDouble);
  const auto last = static_cast<int64_t>(betas_.size()) - 1;
  for (int64_t i = 0; i < last; ++i) {
    const auto t = static_cast<size_t>(z.defined() ? last - 1 - i : i);  // between distributions t and t + 1
    log_weight = log_weight + (betas_[t + 1] - betas_[t]) * chains.value;
    if (i + 1 == last) break;
    const size_t moved = z.defined() ? t : t + 1;
    acceptance += move(chains, x, betas_[moved], steps_[moved]) / static_cast<double>(last - 1);
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
