#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace obverse {

/// Appends scalars and pictures to a TensorBoard event file (TFRecord of tensorflow.Event, masked CRC-32C).
class EventWriter {
 public:
  /// Opens `path` for appending, writing the version record when it is new or empty. Throws UserError naming the path.
  explicit EventWriter(const std::string& path);
  ~EventWriter();
  EventWriter(const EventWriter&) = delete;
  EventWriter& operator=(const EventWriter&) = delete;
  void scalar(const std::string& tag, double value, int64_t step, double wall_time);
  void image(const std::string& tag, const std::string& png, int64_t width, int64_t height, int64_t step, double wall_time);
  void flush();

 private:
  void record(const std::string& event);
  std::string path_;
  std::FILE* file_ = nullptr;
};

}  // namespace obverse
