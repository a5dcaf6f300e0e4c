#pragma once

#include <ATen/core/Tensor.h>

namespace obverse {

/// x [N, C, H, W] (even sizes), a border of one pixel of zeros around it, as [N, 4 C, H / 2 + 1, W / 2 + 1] channels
/// last: each square of 2x2 pixels becomes channels, in the order of pixel_unshuffle. Differentiable any number of
/// times.
at::Tensor fold_pixels(const at::Tensor& x);

/// Its adjoint, pixels back in their places without the border, plus bias [C] where there is one: [N, C, H, W] channels
/// last.
at::Tensor unfold_pixels(const at::Tensor& folded, const at::Tensor& bias);

}  // namespace obverse
