#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "obverse/core/rng.h"
#include "obverse/metrics/hamiltonian.h"

namespace obverse {

/// p(x | z) around a decoder's output, which is in the data's range.
struct Observation {
  enum class Kind { gaussian, bernoulli };
  Kind kind = Kind::gaussian;
  double sigma = 0.1;  // standard deviation of the Gaussian, in units of x

  /// x: [N, ...]; decoded: [N, ...], for the Gaussian its mean, for the Bernoulli 2 p - 1 with p the chance of a 1, and
  /// x is 1 above 0 and 0 below. Returns log p(x | z) in nats, float64 [N]; differentiable in `decoded`.
  at::Tensor log_prob(const at::Tensor& x, const at::Tensor& decoded) const;
  /// x drawn around `decoded`.
  at::Tensor draw(const at::Tensor& decoded, Rng& rng) const;
  std::string text() const;  // "gaussian, sigma 0.1"
};

/// z [N, Z] of a standard normal prior to the decoded x [N, ...]; differentiable.
using Decoder = std::function<at::Tensor(const at::Tensor& z)>;

/// Annealed importance sampling (Neal 2001) as Wu 2017 uses it for decoders: from the prior to the posterior through
/// p(z) p(x|z)^beta, beta along a sigmoid; each step a Hamiltonian Monte Carlo transition.
struct AnnealingOptions {
  int64_t chains = 16;           // for each sample
  int64_t distributions = 1000;  // between prior and posterior
  int64_t leapfrogs = 10;        // of a transition
  double acceptance = 0.65;      // aimed at by the step size
  int64_t rows = 4096;           // chains that run at once
  uint64_t seed = 0;
};

struct AnnealingResult {
  at::Tensor log_prob;         // float64 [N]: of each sample, in nats
  double mean_acceptance = 0;  // of all transitions
};

/// The step sizes of the transitions, one a distribution, are found in a run of their own and then held fixed: a step
/// size that follows its own chains' acceptance would bias the weights.
class Annealing {
 public:
  /// x: [N, ...] samples to find step sizes on; dtype: in which z is held, as the decoder takes it.
  Annealing(Decoder decoder, int64_t latents, const Observation& observation, const AnnealingOptions& options,
            const at::Tensor& x, at::ScalarType dtype = at::kFloat);

  /// log of the mean weight of the chains of each sample: in expectation at most log p(x).
  AnnealingResult forward(const at::Tensor& x);

  /// The chains run backwards from exact posterior samples z [N, Z] of x (that is, x was drawn given z): in expectation
  /// at least log p(x). Grosse 2015 (BDMC).
  AnnealingResult reverse(const at::Tensor& x, const at::Tensor& z);

  const std::vector<double>& step_sizes() const { return steps_; }

 private:
  TemperedDensity density(const at::Tensor& x, double beta) const;
  HamiltonianChains begin(const at::Tensor& x, const at::Tensor& z) const;
  double move(HamiltonianChains& chains, const at::Tensor& x, double beta, double step);
  AnnealingResult run(const at::Tensor& x, const at::Tensor& z);
  at::Tensor chains_of(const at::Tensor& x, const at::Tensor& z, double& acceptance);
  void find_steps(const at::Tensor& x);

  Decoder decoder_;
  int64_t latents_;
  Observation observation_;
  AnnealingOptions options_;
  at::ScalarType dtype_;
  std::vector<double> betas_, steps_;
  Rng rng_;
};

/// Forward and reverse chains on data simulated from the model itself, the only data whose posterior samples are known:
/// the gap bounds the error of both there, and so judges the settings.
struct AnnealingGap {
  double lower = 0, upper = 0;  // means over the samples, nats
  double error = 0;             // standard error of upper - lower
  double gap() const { return upper - lower; }
};
AnnealingGap annealing_gap(const Decoder& decoder, int64_t latents, const Observation& observation,
                           const AnnealingOptions& options, int64_t samples, at::ScalarType dtype = at::kFloat);

}  // namespace obverse
