#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "obverse/core/rng.h"

namespace obverse {

/// f of M positions [M, ...]: [M]. Differentiable.
using PositionFunction = std::function<at::Tensor(const at::Tensor& position)>;

/// The density exp(beta f(z)), or exp(beta f(z) - |z|^2 / 2), up to a constant.
struct TemperedDensity {
  PositionFunction f;
  double beta = 1;
  bool normal_prior = false;
};

/// M chains of Hamiltonian Monte Carlo (Neal 2011) with unit mass, at one moment.
struct HamiltonianChains {
  at::Tensor position;  // [M, ...] float32 or float64
  at::Tensor value;     // f [M]
  at::Tensor slope;     // its gradient [M, ...]

  /// f and its gradient at a position.
  static HamiltonianChains at_position(const PositionFunction& f, const at::Tensor& position);

  /// One trajectory of every chain: leapfrog steps, then Metropolis's choice (section 5.3.2). steps: [M], a size each;
  /// drawn anew for each trajectory, or orbits would return to where they began (section 5.4.2.2). Returns the chances
  /// of acceptance, [M] float64; 0 where the density is not a number.
  at::Tensor advance(const TemperedDensity& density, const at::Tensor& steps, int64_t leapfrogs, Rng& rng);
};

/// Numbers of rows [M] beside rows [M, ...]: [M, 1, ...].
at::Tensor beside(const at::Tensor& per_row, const at::Tensor& rows);

}  // namespace obverse
