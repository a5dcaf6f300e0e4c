#pragma once

#include <ATen/core/Tensor.h>

namespace obverse {

/// Each channel of each image brought to mean 0 and variance 1 over its positions, in float32; Ulyanov 2016.
/// [N, C, H, W] of any type; returns its shape and type. Twice differentiable.
at::Tensor instance_norm(const at::Tensor& x);

/// A border of `width` pixels, mirrored at the outermost ones, which are not repeated. LibTorch's own does not know
/// bfloat16. [N, C, H, W] -> [N, C, H + 2 width, W + 2 width], width below H and W.
at::Tensor mirror_pad(const at::Tensor& x, int64_t width);

}  // namespace obverse
