#pragma once

#include <ATen/core/Tensor.h>

#include <utility>

namespace obverse {

/// x where positive, else negative_slope x (0: ReLU; not below 0). Differentiable any number of times. To its gradient
/// only the output's sign matters, so the second derivative costs one pass and nothing flows back to x; LibTorch's own
/// sends zeros all the way.
at::Tensor leaky(const at::Tensor& x, double negative_slope);

/// The gradient at x: `given` where y is positive, else negative_slope times it. y: leaky(x), of which no gradient is
/// taken.
at::Tensor leaky_slope(const at::Tensor& given, const at::Tensor& y, double negative_slope);

/// leaky_slope of images [N, C, h, w] and its sums over pixels, float32 [N, C], in one pass. Not recorded.
std::pair<at::Tensor, at::Tensor> leaky_slope_and_sum(const at::Tensor& given, const at::Tensor& y,
                                                      double negative_slope);

/// leaky_slope of given + factor bias, in one pass: factor [N] and bias [C] float32. Not recorded.
at::Tensor leaky_slope_of_sum(const at::Tensor& given, const at::Tensor& factor, const at::Tensor& bias,
                              const at::Tensor& y, double negative_slope);

}  // namespace obverse
