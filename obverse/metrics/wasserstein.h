#pragma once

#include <ATen/core/Tensor.h>

#include "obverse/core/rng.h"

namespace obverse {

/// Squared 2-Wasserstein distance of samples on a line, exactly: the integral of the squared difference of both
/// quantile functions. x: [P, N], y: [P, M], float64, a problem a row; returns [P].
at::Tensor squared_wasserstein_1d(const at::Tensor& x, const at::Tensor& y);

/// Sliced 2-Wasserstein distance (Bonneel 2015): the root of the mean of squared_wasserstein_1d over projections on
/// directions drawn uniformly. x: [N, F], y: [M, F].
double sliced_wasserstein(const at::Tensor& x, const at::Tensor& y, int64_t directions, Rng& rng);

}  // namespace obverse
