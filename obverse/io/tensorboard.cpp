#include "obverse/io/tensorboard.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "obverse/core/error.h"
#include "obverse/io/files.h"

namespace obverse {
namespace {

constexpr char kVersion[] = "brain.Event:2";
constexpr size_t kHeaderBytes = 12, kFooterBytes = 4;  // length and its CRC; the payload's CRC

// Castagnoli's polynomial, bits reversed.
std::array<uint32_t, 256> make_crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0x82F63B78u : 0u);
    table[byte] = crc;
  }
  return table;
}

template <class Integer>
std::string little_endian(Integer value) {
  std::string bytes;
  for (size_t i = 0; i < sizeof(Integer); ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  return bytes;
}

template <class Integer>
Integer from_little_endian(std::string_view bytes) {
  Integer value = 0;
  for (size_t i = 0; i < sizeof(Integer); ++i)
    value |= static_cast<Integer>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  return value;
}

// Protocol buffers' wire format: a key (field number and wire type), then the value. Zero is the default of the fields
// below that are not in a oneof, and is left out as every encoder does.
void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void put_integer(std::string& out, uint32_t field, int64_t value) {
  if (value == 0) return;
  put_varint(out, field << 3);
  put_varint(out, static_cast<uint64_t>(value));
}

void put_bytes(std::string& out, uint32_t field, std::string_view value) {
  put_varint(out, field << 3 | 2);
  put_varint(out, value.size());
  out += value;
}

void put_double(std::string& out, uint32_t field, double value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  if (bits == 0) return;
  put_varint(out, field << 3 | 1);
  out += little_endian(bits);
}

void put_float(std::string& out, uint32_t field, float value) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  put_varint(out, field << 3 | 5);
  out += little_endian(bits);
}

// tensorflow.Event: 1 wall_time, 2 step, 3 file_version, 5 summary.
std::string event_head(double wall_time, int64_t step) {
  std::string event;
  put_double(event, 1, wall_time);
  put_integer(event, 2, step);
  return event;
}

// tensorflow.Summary: 1 value (repeated); each value: 1 tag and one of 2 simple_value, 4 image.
std::string summary_event(double wall_time, int64_t step, const std::string& value) {
  std::string event = event_head(wall_time, step), summary;
  put_bytes(summary, 1, value);
  put_bytes(event, 5, summary);
  return event;
}

std::string version_event() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  std::string event = event_head(std::chrono::duration<double>(now).count(), 0);
  put_bytes(event, 3, kVersion);
  return event;
}

// tensorflow.Summary.Image.colorspace by the colour type in a PNG's header: 1 grey, 2 grey with alpha, 3 RGB, 4 RGBA.
int64_t colour_space(std::string_view png) {
  constexpr size_t kColourType = 25;
  if (png.size() <= kColourType) return 3;
  switch (png[kColourType]) {
    case 0:
      return 1;
    case 4:
      return 2;
    case 6:
      return 4;
    default:
      return 3;
  }
}

std::string frame_header(uint64_t length) {
  std::string bytes = little_endian(length);
  return bytes + little_endian(masked_crc32c(bytes));
}

// Length of the part of `bytes` that consists of whole, undamaged records.
size_t whole_records(std::string_view bytes) {
  size_t end = 0;
  while (bytes.size() - end >= kHeaderBytes + kFooterBytes) {
    const std::string_view rest = bytes.substr(end);
    const auto length = from_little_endian<uint64_t>(rest);
    if (from_little_endian<uint32_t>(rest.substr(8)) != masked_crc32c(rest.substr(0, 8))) break;
    if (length > rest.size() - kHeaderBytes - kFooterBytes) break;
    const auto crc = from_little_endian<uint32_t>(rest.substr(kHeaderBytes + length));
    if (crc != masked_crc32c(rest.substr(kHeaderBytes, length))) break;
    end += kHeaderBytes + length + kFooterBytes;
  }
  return end;
}

// A process killed while writing leaves half a record, behind which no reader would look: it is cut off.
// Returns whether the file holds records. Refuses files that never were event files.
bool repair(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error) || std::filesystem::file_size(path, error) == 0) return false;
  const std::string bytes = read_file(path);
  const size_t whole = whole_records(bytes);
  const std::string start = frame_header(version_event().size());
  if (whole == 0 && start.compare(0, bytes.size(), bytes, 0, start.size()) != 0)
    fail("{}: not a TensorBoard event file: move it away, or choose another path", path);
  if (whole < bytes.size()) std::filesystem::resize_file(path, whole, error);
  if (error) fail("{}: cannot cut off its damaged end ({}): check its permissions", path, error.message());
  return whole > 0;
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static const std::array<uint32_t, 256> table = make_crc_table();
  uint32_t crc = 0xFFFFFFFFu;
  for (const char byte : bytes) crc = (crc >> 8) ^ table[(crc ^ static_cast<unsigned char>(byte)) & 0xFF];
  return ~crc;
}

uint32_t masked_crc32c(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}

EventWriter::EventWriter(const std::string& path) : path_(path) {
  const bool started = repair(path);
  file_ = std::fopen(path.c_str(), "ab");
  if (!file_) fail("{}: cannot be written ({}): check the folder and its permissions", path, std::strerror(errno));
  if (!started) record(version_event());
}

EventWriter::~EventWriter() { std::fclose(file_); }

void EventWriter::scalar(const std::string& tag, double value, int64_t step, double wall_time) {
  std::string encoded;
  put_bytes(encoded, 1, tag);
  put_float(encoded, 2, static_cast<float>(value));
  record(summary_event(wall_time, step, encoded));
}

void EventWriter::image(const std::string& tag, const std::string& png, int64_t width, int64_t height, int64_t step,
                        double wall_time) {
  std::string image, encoded;
  put_integer(image, 1, height);
  put_integer(image, 2, width);
  put_integer(image, 3, colour_space(png));
  put_bytes(image, 4, png);
  put_bytes(encoded, 1, tag);
  put_bytes(encoded, 4, image);
  record(summary_event(wall_time, step, encoded));
}

void EventWriter::flush() {
  if (std::fflush(file_) != 0) fail("{}: cannot be written ({}): free some space", path_, std::strerror(errno));
}

void EventWriter::record(const std::string& event) {
  const std::string bytes = frame_header(event.size()) + event + little_endian(masked_crc32c(event));
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_) != bytes.size())
    fail("{}: cannot be written ({}): free some space", path_, std::strerror(errno));
}

}  // namespace obverse
