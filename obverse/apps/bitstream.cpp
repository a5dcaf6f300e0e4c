#include "obverse/apps/bitstream.h"

#include <fmt/ranges.h>

#include "obverse/core/error.h"
#include "obverse/io/files.h"

namespace obverse {
namespace {

const std::string kMagic = "OBVC";

void put(std::string& bytes, uint64_t value, int width) {
  for (int i = 0; i < width; ++i) bytes += static_cast<char>(value >> (8 * i));
}

uint64_t get(const std::string& bytes, size_t at, size_t width) {
  uint64_t value = 0;
  for (size_t i = width; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

std::string digits_of(const std::string& bytes) {
  std::string digits;
  for (const char c : bytes) digits += fmt::format("{:02x}", static_cast<uint8_t>(c));
  return digits;
}

}  // namespace

std::string short_hash(const std::string& digits) {
  std::string bytes;
  for (size_t i = 0; i < 16; i += 2) bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  return bytes;
}

std::string write_bitstream(const Bitstream& s) {
  for (const int64_t side : s.shape)
    if (side > 65535)
      fail("images of {} are too large to compress: a side has 65535 pixels at most", fmt::join(s.shape, "x"));
  if (s.count > int64_t{0xffffffff}) fail("{} images are too many for one file", s.count);
  std::string bytes = kMagic;
  put(bytes, Bitstream::kVersion, 1);
  put(bytes, static_cast<uint64_t>(s.kind), 1);
  bytes += short_hash(s.made_with);
  for (const int64_t side : s.shape) put(bytes, static_cast<uint64_t>(side), 2);
  put(bytes, static_cast<uint64_t>(s.count), 4);
  put(bytes, s.body.size(), 8);
  bytes += s.body;
  return bytes + short_hash(sha256(bytes));
}

Bitstream read_bitstream(const std::string& bytes, const std::string& where) {
  if (bytes.compare(0, kMagic.size(), kMagic, 0, std::min(bytes.size(), kMagic.size())) != 0 || bytes.empty())
    fail("{}: is not a file of compressed images: name one that obverse compress wrote", where);
  if (bytes.size() > 4 && static_cast<uint8_t>(bytes[4]) != Bitstream::kVersion)
    fail("{}: is of version {} of the format, this obverse reads version {}: use the obverse that wrote it", where,
         static_cast<uint8_t>(bytes[4]), Bitstream::kVersion);
  if (bytes.size() < Bitstream::kHeader + Bitstream::kCheck)
    fail("{}: is cut short: {} bytes, a header alone has {}", where, bytes.size(),
         Bitstream::kHeader + Bitstream::kCheck);
  Bitstream s;
  const uint64_t length = get(bytes, 24, 8), present = bytes.size() - Bitstream::kHeader - Bitstream::kCheck;
  if (length > present) fail("{}: is cut short, or altered: {} of {} bytes are there", where, present, length);
  const std::string checked = bytes.substr(0, bytes.size() - Bitstream::kCheck);
  if (length < present || short_hash(sha256(checked)) != bytes.substr(checked.size()))
    fail("{}: has been altered: its checksum does not fit its content", where);
  const auto kind = static_cast<uint8_t>(bytes[5]);
  if (kind != 1 && kind != 2) fail("{}: is damaged: {} is no kind of code", where, kind);
  s.kind = static_cast<Bitstream::Kind>(kind);
  s.made_with = digits_of(bytes.substr(6, 8));
  for (size_t i = 0; i < 3; ++i) s.shape.push_back(static_cast<int64_t>(get(bytes, 14 + 2 * i, 2)));
  s.count = static_cast<int64_t>(get(bytes, 20, 4));
  s.body = bytes.substr(Bitstream::kHeader, length);
  return s;
}

void check_made_with(const Bitstream& stream, const std::string& where, const std::string& hash,
                     const std::string& what, const std::vector<int64_t>& shape) {
  if (stream.made_with != hash.substr(0, 16))
    fail(
        "{}: was made with another model (SHA-256 {:.8}...), not with {} ({:.8}...): name the one that it was made "
        "with",
        where, stream.made_with, what, hash);
  if (stream.shape != shape)
    fail("{}: is damaged: its images are {}, the model's {}", where, fmt::join(stream.shape, "x"),
         fmt::join(shape, "x"));
}

uint16_t crc16(const std::string& bytes) {
  uint16_t crc = 0xffff;
  for (const char c : bytes) {
    crc = static_cast<uint16_t>(crc ^ static_cast<uint8_t>(c) << 8);
    for (int i = 0; i < 8; ++i) crc = static_cast<uint16_t>(crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1);
  }
  return crc;
}

}  // namespace obverse
