#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace obverse {

/// Images are uint8 tensors [C, H, W] with C = 1 (grey) or 3 (RGB).

/// Reads PNG or JPEG bytes; sRGB assumed. Transparency is composited onto white, palettes and 16 bits are expanded
/// to 8. Throws UserError naming `where` when the bytes are not an image, are damaged or cut short, are CMYK, or are
/// more than 64 million pixels.
at::Tensor decode_image(const std::string& bytes, const std::string& where);
at::Tensor read_image(const std::string& path);

/// image: uint8 [C, H, W].
std::string encode_png(const at::Tensor& image);
void write_png(const std::string& path, const at::Tensor& image);

/// An animated PNG (APNG), which shows its first frame where it is not understood. frames: uint8 [N, C, H, W]; it runs
/// for ever.
std::string encode_apng(const at::Tensor& frames, double frames_a_second);

/// x: float [N, C, H, W] in [-1, 1]; returns uint8, rounded to nearest: 127.5 x + 127.5 (StyleGAN's mapping is the same
/// up to rounding).
at::Tensor to_bytes(const at::Tensor& x);

/// x: uint8 [N, C, H, W]; returns one uint8 image [C, rows H, columns W], row by row; empty cells are black.
/// columns 0: about square.
at::Tensor tile_images(const at::Tensor& x, int64_t columns = 0);

}  // namespace obverse
