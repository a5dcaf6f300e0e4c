#include "obverse/train/average.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/autograd.h"

namespace obverse {

double average_decay(double halflife_images, double rampup, double seen_images, double images) {
  if (rampup > 0) halflife_images = std::min(halflife_images, rampup * seen_images);
  return halflife_images > 0 ? std::pow(0.5, images / halflife_images) : 0;
}

void move_average(Game& average, Game& game, double beta) {
  without_grad([&] {
    for (const std::string& name : game.averaged()) {
      const NamedTensors from = game.module(name)->state(), to = average.module(name)->state();
      for (size_t i = 0; i < from.size(); ++i) {
        if (from[i].second.is_floating_point())
          to[i].second.lerp_(from[i].second, 1 - beta);
        else
          to[i].second.copy_(from[i].second);
      }
    }
    return 0;
  });
}

void copy_rest(Game& average, Game& game) {
  const std::vector<std::string> averaged = game.averaged();
  without_grad([&] {
    for (const auto& [name, module] : game.modules()) {
      if (std::find(averaged.begin(), averaged.end(), name) != averaged.end()) continue;
      const NamedTensors from = module->state(), to = average.module(name)->state();
      for (size_t i = 0; i < from.size(); ++i) to[i].second.copy_(from[i].second);
    }
    return 0;
  });
}

}  // namespace obverse
