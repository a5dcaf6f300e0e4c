#pragma once

#include <ATen/core/Tensor.h>

#include "obverse/core/rng.h"

namespace obverse {

/// Squared 2-Wasserstein distance of samples on a line, exactly: the integral of the squared difference of both
/// quantile functions. x: [N], y: [M], float64, ascending.
double squared_wasserstein_1d(const at::Tensor& x, const at::Tensor& y);

struct SlicedWasserstein {
  double value = 0;
  double standard_error = 0;  // over draws of y, jackknife by tenths; 0 when it was not asked for
};

/// Sliced 2-Wasserstein distance (Bonneel 2015): the root of the mean of squared_wasserstein_1d over projections on
/// directions drawn uniformly. x: [N, F], y: [M, F].
SlicedWasserstein sliced_wasserstein(const at::Tensor& x, const at::Tensor& y, int64_t directions, bool error,
                                     Rng& rng);

}  // namespace obverse
