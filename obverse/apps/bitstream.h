#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace obverse {

/// A file of compressed images, little-endian:
///   "OBVC", version (1 byte), kind (1), the first 8 bytes of the SHA-256 of what it was made with, the images' shape
///   (3 x 2), their number (4), length of the body (8), the body, the first 8 bytes of the SHA-256 of all before.
/// 40 bytes beside the body.
struct Bitstream {
  enum class Kind : uint8_t { lossless = 1, lossy = 2 };
  static constexpr uint8_t kVersion = 1;
  static constexpr size_t kHeader = 32, kCheck = 8;

  Kind kind = Kind::lossless;
  std::string made_with;       // SHA-256 of a file, hexadecimal; after reading its first 16 digits
  std::vector<int64_t> shape;  // {C, H, W}
  int64_t count = 0;
  std::string body;
};

/// Throws UserError when a number does not fit its field.
std::string write_bitstream(const Bitstream& stream);

/// Throws UserError naming `where`: no such stream, of another version, cut short, longer than it says, altered.
Bitstream read_bitstream(const std::string& bytes, const std::string& where);

/// Throws UserError naming both files when the stream was made with something other than `what`, whose SHA-256 is
/// `hash`, or holds images of another shape.
void check_made_with(const Bitstream& stream, const std::string& where, const std::string& hash,
                     const std::string& what, const std::vector<int64_t>& shape);

/// The first 8 bytes of a SHA-256 in hexadecimal digits.
std::string short_hash(const std::string& digits);

/// CRC-16 (CCITT, 0x1021, begins with 0xffff) of bytes.
uint16_t crc16(const std::string& bytes);

}  // namespace obverse
