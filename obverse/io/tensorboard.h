#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

namespace obverse {

/// CRC-32C (Castagnoli) of RFC 3720, appendix B.4; and as TFRecord stores it, rotated by 15 bits plus a constant.
uint32_t crc32c(std::string_view bytes);
uint32_t masked_crc32c(std::string_view bytes);

/// Appends scalars and pictures to a TensorBoard event file (TFRecord of tensorflow.Event, masked CRC-32C).
class EventWriter {
 public:
  /// Opens `path` for appending, writing the version record when it is new or empty. A last record that was cut short
  /// is removed. Throws UserError naming the path when it cannot be written or is no event file.
  explicit EventWriter(const std::string& path);
  ~EventWriter();
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;
  void scalar(const std::string& tag, double value, int64_t step, double wall_time);
  /// png: an encoded picture of width x height pixels.
  void image(const std::string& tag, const std::string& png, int64_t width, int64_t height, int64_t step,
             double wall_time);
  void flush();

 private:
  void record(const std::string& event);
  std::string path_;
  std::FILE* file_ = nullptr;
};

}  // namespace obverse
