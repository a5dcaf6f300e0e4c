#pragma once

#include <ATen/core/Tensor.h>

namespace obverse {

/// Mean squared difference of a sample's elements: a, b [N, ...]; returns [N].
at::Tensor mean_squared_error(const at::Tensor& a, const at::Tensor& b);

/// ||a - b||^2 / ||b||^2 a sample: a distance of features that does not depend on their scale. a, b: [N, F], b the
/// target; returns [N].
at::Tensor relative_squared_error(const at::Tensor& a, const at::Tensor& b);

/// Peak signal-to-noise ratio in decibels of images in [-1, 1]: 10 log10(2^2 / mse). mse: [N]; returns [N].
at::Tensor psnr(const at::Tensor& mse);

/// Structural similarity of images in [-1, 1], 1 where they are equal: Wang 2004, with its 11x11 Gaussian window (sigma
/// 1.5) and constants, mean over the windows that lie inside the image and over channels. a, b: [N, C, H, W], sides of
/// 11 or more; returns [N].
at::Tensor structural_similarity(const at::Tensor& a, const at::Tensor& b);

}  // namespace obverse
