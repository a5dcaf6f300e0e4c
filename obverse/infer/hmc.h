#pragma once

#include <ATen/core/Tensor.h>

#include "obverse/metrics/hamiltonian.h"
#include "obverse/recipe/fields.h"

namespace obverse {

/// Log-densities, up to a constant each, of M positions [M, ...]: [M]. Differentiable; -inf where there is none.
using LogDensity = PositionFunction;

struct HmcOptions : Options {
  int64_t leapfrogs = 10;
  double step = 0.1;
  double acceptance = 0.65;
  void describe(Fields& f) override;
};

/// Hamiltonian Monte Carlo (Neal 2011) of M chains at once, each with a step size of its own and unit mass. Step sizes
/// vary by a fifth either way from trajectory to trajectory, so that none returns to where it began.
class Hmc {
 public:
  /// start: [M, ...] float32 or float64. The density is called now.
  Hmc(LogDensity density, const at::Tensor& start, const HmcOptions& options);

  /// One trajectory of every chain. adapt: step sizes move towards the acceptance asked for (Robbins 1951); only before
  /// draws that count, which need a fixed step.
  void advance(Rng& rng, bool adapt);

  const at::Tensor& position() const { return chains_.position; }  // [M, ...]
  const at::Tensor& log_density() const { return chains_.value; }  // [M]
  const at::Tensor& accepted() const { return accepted_; }         // [M], probability, of the last trajectory
  const at::Tensor& step() const { return step_; }                 // [M]

 private:
  TemperedDensity density_;
  HmcOptions options_;
  HamiltonianChains chains_;
  at::Tensor step_, accepted_;
  double adaptations_ = 0;
};

}  // namespace obverse
