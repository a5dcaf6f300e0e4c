#pragma once

#include <ATen/core/Tensor.h>

namespace obverse {

/// Antialiased bicubic resizing (Keys 1981, a = -0.5; the kernel widens when shrinking), rows and then columns: what
/// Pillow's Image.resize(..., BICUBIC) gives, bit for bit for bytes, which are rounded after each; floats (its mode F)
/// are not rounded and may leave their range. x: uint8 or float32 [N, C, H, W]; returns [N, C, height, width] of its
/// type.
at::Tensor resize_bicubic(const at::Tensor& x, int64_t height, int64_t width);

/// Cuts the largest square from the middle and resizes it. x: uint8 [N, C, H, W]; returns uint8 [N, C, size, size].
at::Tensor resize_square(const at::Tensor& x, int64_t size);

/// image: uint8 [C, H, W]; returns [channels, H, W]: grey and colour are converted into each other, by the luma weights
/// of ITU-R BT.601 as Pillow's mode "L" has them.
at::Tensor with_channels(const at::Tensor& image, int64_t channels);

/// Any picture, uint8 [C, H, W], as one of `height` x `width` with so many channels: as it is where that is its size;
/// else the largest square from its middle is resized, or all of it where they differ.
at::Tensor fit_image(const at::Tensor& image, int64_t channels, int64_t height, int64_t width);

}  // namespace obverse
