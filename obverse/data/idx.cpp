#include "obverse/data/idx.h"

#include <ATen/ATen.h>

#include <cstring>
#include <filesystem>

#include "obverse/core/error.h"
#include "obverse/io/files.h"

namespace obverse {

static uint64_t big_endian(const std::string& bytes, size_t at) {
  uint64_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

at::Tensor read_idx(const std::string& path) {
  constexpr uint64_t kMaxBytes = uint64_t{1} << 33;
  std::string bytes = read_file(path, kMaxBytes);
  if (bytes.compare(0, 2, "\x1f\x8b") == 0) bytes = gunzip(bytes, path, kMaxBytes);
  if (bytes.size() < 8 || bytes[0] != 0 || bytes[1] != 0) fail("{}: not an IDX file", path);
  const int type = static_cast<unsigned char>(bytes[2]), dimensions = bytes[3];
  if (type != 8) fail("{}: IDX of type {:#04x}: only unsigned bytes (0x08) are supported", path, type);
  if (dimensions < 1 || dimensions > 4) fail("{}: IDX with {} dimensions: 1 to 4 are supported", path, dimensions);
  const size_t start = 4 + 4 * static_cast<size_t>(dimensions);
  if (bytes.size() < start) fail("{}: the IDX header is cut short", path);
  std::vector<int64_t> shape;
  uint64_t needed = 1;
  for (int i = 0; i < dimensions; ++i) {
    const uint64_t size = big_endian(bytes, 4 + 4 * static_cast<size_t>(i));
    if (size == 0) fail("{}: the IDX file is empty", path);
    if (size > kMaxBytes / needed) fail("{}: the IDX header's sizes are absurd: the file is damaged", path);
    needed *= size;
    shape.push_back(static_cast<int64_t>(size));
  }
  if (bytes.size() - start != needed)
    fail("{}: {} bytes of data, the IDX header says {}: the file is damaged or cut short", path, bytes.size() - start,
         needed);
  at::Tensor data = at::empty(shape, at::kByte);
  std::memcpy(data.data_ptr(), bytes.data() + start, needed);
  return data;
}

IdxPair read_idx_pair(const std::string& images_path, const std::string& labels_path) {
  IdxPair pair{read_idx(images_path), {}};
  if (pair.images.dim() == 3) pair.images = pair.images.unsqueeze(1);  // [N, H, W] -> [N, 1, H, W]
  if (pair.images.dim() != 4 || (pair.images.size(1) != 1 && pair.images.size(1) != 3))
    fail("{}: not images: an IDX file of N x H x W bytes is needed", images_path);
  if (labels_path.empty()) return pair;
  pair.labels = read_idx(labels_path);
  if (pair.labels.dim() != 1) fail("{}: not labels: an IDX file of N bytes is needed", labels_path);
  if (pair.labels.size(0) != pair.images.size(0))
    fail("{}: {} labels for the {} images of {}", labels_path, pair.labels.size(0), pair.images.size(0), images_path);
  pair.labels = pair.labels.to(at::kLong);
  return pair;
}

std::string find_idx(const std::string& folder, const std::string& stem) {
  for (const char* suffix : {"", ".gz"}) {
    const std::string path = (std::filesystem::path(folder) / (stem + suffix)).string();
    if (std::filesystem::is_regular_file(path)) return path;
  }
  return {};
}

}  // namespace obverse
