#include "obverse/train/average.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/autograd.h"

namespace obverse {

double average_decay(double halflife_images, double rampup, double seen_images, double images) {
  if (rampup > 0) halflife_images = std::min(halflife_images, rampup * seen_images);
  return halflife_images > 0 ? std::pow(0.5, images / halflife_images) : 0;
}

MovingAverage::MovingAverage(Game& average, Game& game) {
  const std::vector<std::string> averaged = game.averaged();
  for (const auto& [name, module] : game.modules()) {
    const bool moves = std::find(averaged.begin(), averaged.end(), name) != averaged.end();
    const NamedTensors from = module->state(), to = average.module(name)->state();
    for (size_t i = 0; i < from.size(); ++i) (moves ? averaged_ : rest_).emplace_back(to[i].second, from[i].second);
  }
}

void MovingAverage::move(double stays) const {
  without_grad([&] {
    for (const auto& [to, from] : averaged_) {
      if (to.scalar_type() == at::kFloat && to.is_non_overlapping_and_dense() && to.strides() == from.strides()) {
        float* a = to.data_ptr<float>();
        const float* b = from.data_ptr<float>();
        const auto step = static_cast<float>(1 - stays);
        at::parallel_for(0, to.numel(), 1 << 15, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) a[i] += step * (b[i] - a[i]);
        });
        to.unsafeGetTensorImpl()->bump_version();
      } else if (to.is_floating_point()) {
        to.lerp_(from, 1 - stays);
      } else {
        to.copy_(from);
      }
    }
    return 0;
  });
}

void MovingAverage::copy_rest() const {
  without_grad([&] {
    for (const auto& [to, from] : rest_) to.copy_(from);
    return 0;
  });
}

}  // namespace obverse
