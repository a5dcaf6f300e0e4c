#include "obverse/data/sources.h"

#include <ATen/ATen.h>

#include <filesystem>

#include "obverse/core/error.h"
#include "obverse/data/idx.h"
#include "obverse/io/resize.h"

namespace obverse {

Dataset image_dataset(const std::string& name, at::Tensor samples, at::Tensor labels, std::vector<std::string> classes,
                      const DataOptions& options) {
  Dataset data;
  data.name = name;
  data.samples = options.size > 0 ? resize_square(samples, options.size) : samples;
  data.labels = labels;
  data.domain = {Domain::Kind::image, data.samples.sizes().slice(1).vec(), 256, std::move(classes)};
  return data;
}

}  // namespace obverse
namespace obverse {
Dataset load_path(const DataOptions& options, const std::string&) { fail("{}: no such data", options.source); }
}  // namespace obverse
