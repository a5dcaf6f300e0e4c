#pragma once

#include "obverse/infer/hmc.h"
#include "obverse/infer/optimise.h"

namespace obverse {

/// How codes are drawn from p(z | x), which is p(z) times the observation model: the model's own, where it has one, or
/// Gaussian noise of a given spread on every number of x.
struct PosteriorOptions : Options {
  int64_t chains = 8;
  int64_t warmup = 300;
  int64_t draws = 300;
  double noise = 0;
  HmcOptions hmc;
  void describe(Fields& f) override;
};

/// Codes drawn for N samples.
struct Posterior {
  at::Tensor code;         // [N, chains, draws, d]
  at::Tensor log_density;  // [N, chains, draws], of z and x together
  at::Tensor ess;          // [N] float64: effective sample size of the number of the code that mixes worst
  at::Tensor r_hat;        // [N] float64: split R-hat of the number whose chains agree least
  at::Tensor acceptance;   // [N] share of trajectories accepted
};

/// Hamiltonian Monte Carlo, every chain of every sample in one batch. Chains start from draws of the prior, which is
/// wider than the posterior; the first one from the encoder's code where there is an encoder. x: [N, ...], y: [N] or
/// undefined. Throws UserError when the model has no observation model and `noise` is 0, or labels are missing.
Posterior sample_posterior(LatentModel& model, const at::Tensor& x, const at::Tensor& y,
                           const PosteriorOptions& options, Rng& rng, const InferProgress& progress = {});

}  // namespace obverse
