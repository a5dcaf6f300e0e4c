#pragma once

#include <ATen/core/Tensor.h>

namespace obverse {

/// Half the resolution with the filter [1, 2, 1] / 4 in each direction, zero beyond the border (Zhang 2019).
/// [N, C, H, W] with even H, W -> [N, C, H / 2, W / 2].
at::Tensor downsample(const at::Tensor& x);

/// Twice the resolution by the same filter: 4 times the adjoint of `downsample`. [N, C, H, W] -> [N, C, 2 H, 2 W].
at::Tensor upsample(const at::Tensor& x);

/// Half the resolution with the filter [1, 3, 3, 1] / 8 in each direction, zero beyond the border: pixels' centres stay
/// where they are (Karras 2020, StyleGAN2). [N, C, H, W] with even H, W -> [N, C, H / 2, W / 2].
at::Tensor downsample_centred(const at::Tensor& x);

/// Twice the resolution by the same filter: 4 times its adjoint. [N, C, H, W] -> [N, C, 2 H, 2 W].
at::Tensor upsample_centred(const at::Tensor& x);

/// That filter without a change of resolution, for a 3x3 convolution of stride 2 without padding to follow.
/// [N, C, H, W] -> [N, C, H + 1, W + 1].
at::Tensor blur_centred(const at::Tensor& x);

/// Twice the resolution by repeating pixels. [N, C, H, W] -> [N, C, 2 H, 2 W].
at::Tensor repeat_pixels(const at::Tensor& x);

}  // namespace obverse
