#include "obverse/data/arrays.h"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include "obverse/core/error.h"
#include "obverse/io/npz.h"

namespace obverse {
namespace {

at::Tensor first_of(const NamedTensors& arrays, const std::vector<std::string>& wanted) {
  for (const std::string& name : wanted)
    for (const auto& [key, array] : arrays)
      if (key == name) return array;
  return {};
}

at::Tensor over_white(const at::Tensor& rgba) {  // uint8 [N, 4, H, W] to [N, 3, H, W]
  const at::Tensor colour = rgba.slice(1, 0, 3).to(at::kInt), alpha = rgba.slice(1, 3, 4).to(at::kInt);
  return ((colour * alpha + 255 * (255 - alpha) + 127).floor_divide(255)).to(at::kByte);
}

// uint8 to [N, C, H, W].
at::Tensor as_images(at::Tensor x, const std::string& where) {
  const auto plain = [](int64_t n) { return n == 1 || n == 3; };
  if (x.dim() == 3) x = x.unsqueeze(1);
  if (x.dim() != 4)
    fail("{}: bytes of {} dimensions: images are [N, H, W], [N, H, W, C] or [N, C, H, W]", where, x.dim());
  if (!plain(x.size(1)) && (plain(x.size(3)) || x.size(3) == 4)) x = x.permute({0, 3, 1, 2});
  if (!plain(x.size(1)) && x.size(1) != 4)
    fail("{}: [{}]: no axis has 1, 3 or 4 channels", where, fmt::join(x.sizes().vec(), ", "));
  if (x.size(2) == 0 || x.size(3) == 0) fail("{}: empty images", where);
  return x.size(1) == 4 ? over_white(x) : x.contiguous();
}

at::Tensor as_labels(at::Tensor y, int64_t n, const std::string& where) {
  if (y.dim() == 2 && y.size(1) == 1) y = y.squeeze(1);
  if (y.dim() != 1 || y.is_floating_point()) fail("{}: labels must be one whole number a sample, [N]", where);
  if (y.size(0) != n) fail("{}: {} labels for {} samples", where, y.size(0), n);
  y = y.to(at::kLong);
  if (y.min().item<int64_t>() < 0 || y.max().item<int64_t>() >= 100'000) fail("{}: labels must count from 0", where);
  return y;
}

}  // namespace

Reading read_arrays(const DataOptions& options, const std::string& split) {
  const std::string& path = options.source;
  const NamedTensors arrays = read_npz(path);
  Reading reading;
  reading.own_split = first_of(arrays, {"x_train"}).defined() && first_of(arrays, {"x_test"}).defined();
  const std::string own = reading.own_split ? split : "train";
  at::Tensor x = first_of(arrays, {"x_" + own, "x", "images", "arr_0"}),
             y = first_of(arrays, {"y_" + own, "y", "labels"});
  if (!x.defined()) {
    std::vector<std::string> held;
    for (const auto& [name, array] : arrays) held.push_back(name);
    fail("{}: holds {}; the samples must be called x, images or arr_0", path, fmt::join(held, ", "));
  }
  if (x.dim() == 0 || x.size(0) == 0) fail("{}: no samples", path);
  if (y.defined()) y = as_labels(y, x.size(0), path);
  std::vector<std::string> classes;
  for (int64_t i = 0, n = y.defined() ? y.max().item<int64_t>() + 1 : 0; i < n; ++i)
    classes.push_back(std::to_string(i));
  if (x.scalar_type() == at::kByte) {
    reading.data = image_dataset(path, as_images(x, path), y, classes, options);
  } else if (x.is_floating_point() && x.dim() == 2) {
    reading.data.name = path, reading.data.labels = y;
    reading.data.domain = {Domain::Kind::points, {x.size(1)}, 0, classes};
    reading.data.samples = x.to(at::kFloat);
    if (!reading.data.samples.isfinite().all().item<bool>()) fail("{}: points that are not finite numbers", path);
  } else {
    fail("{}: {} of {} dimensions: images are uint8, points are floats [N, D]", path, c10::toString(x.scalar_type()),
         x.dim());
  }
  return reading;
}

}  // namespace obverse
