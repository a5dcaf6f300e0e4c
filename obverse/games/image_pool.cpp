#include "obverse/games/image_pool.h"

#include <ATen/ATen.h>

namespace obverse {

ImagePool::ImagePool(int64_t capacity, std::vector<int64_t> shape) : count_(at::zeros({}, at::kLong)) {
  shape.insert(shape.begin(), capacity);
  images_ = at::zeros(shape);
}

at::Tensor ImagePool::exchange(const at::Tensor& x, Rng& rng) {
  if (images_.size(0) == 0) return x;
  at::Tensor result = x.detach().clone();
  int64_t& count = *count_.data_ptr<int64_t>();
  for (int64_t i = 0; i < x.size(0); ++i) {
    if (count < images_.size(0)) {
      images_[count++].copy_(x[i].detach());
    } else if (rng.uniform({1}).item<double>() < 0.5) {
      const int64_t k = rng.integers(count, {1}).item<int64_t>();
      result[i].copy_(images_[k]);
      images_[k].copy_(x[i].detach());
    }
  }
  return result;
}

NamedTensors ImagePool::state(const std::string& prefix) const {
  return {{prefix + "images", images_}, {prefix + "count", count_}};
}

}  // namespace obverse
