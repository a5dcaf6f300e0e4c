#pragma once

#include <ATen/ATen.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "obverse/data/dataset.h"

namespace obverse {

/// Noisy images of `classes` kinds, each a bright bar in a place of its own: easy to tell apart.
inline Dataset toy_images(const std::string& split, int64_t n, std::vector<int64_t> shape = {1, 12, 12},
                          int64_t classes = 3) {
  Rng rng(7, "toy " + split);
  Dataset data;
  data.name = "toy";
  data.split = split;
  data.domain.shape = shape;
  for (int64_t k = 0; k < classes; ++k) data.domain.classes.push_back("bar " + std::to_string(k));
  data.labels = at::arange(n, at::kLong).remainder(classes);
  shape.insert(shape.begin(), n);
  const at::Tensor x = rng.uniform(shape) * 60;
  const int64_t width = shape[3] / classes;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t k = i % classes;
    x[i].slice(2, k * width, (k + 1) * width).add_(120 + 60 * rng.uniform({1}));
  }
  data.samples = x.to(at::kByte);
  return data;
}

/// A cache folder for one test, removed afterwards.
class CacheFolder {
 public:
  CacheFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "obverse-cache-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
    setenv("OBVERSE_CACHE", path_.c_str(), 1);
  }
  ~CacheFolder() {
    unsetenv("OBVERSE_CACHE");
    std::filesystem::remove_all(path_);
  }
  CacheFolder(const CacheFolder&) = delete;
  CacheFolder& operator=(const CacheFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace obverse
