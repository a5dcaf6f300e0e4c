#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace obverse {

/// What decode_image does for each format: uint8 [C, H, W], C = 1 or 3. Throws UserError naming `where`.
at::Tensor decode_png(const std::string& bytes, const std::string& where);
at::Tensor decode_jpeg(const std::string& bytes, const std::string& where);

/// An image of more pixels than this is refused before memory is asked for.
inline constexpr uint64_t kMaxPixels = uint64_t{1} << 26;

}  // namespace obverse
