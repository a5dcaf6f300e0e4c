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
        if (from[i].second.is_floating_point()) to[i].second.lerp_(from[i].second, 1 - beta);
        else to[i].second.copy_(from[i].second);
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

void settle_statistics(Game& average, LatentModel& model, const Batch& real, Rng& rng) {
  constexpr int64_t kPasses = 24, kBatch = 128;  // 0.9^24: a twelfth of the old statistics stays
  std::vector<std::shared_ptr<Module>> settling;
  for (const std::string& name : average.averaged())
    if (!average.module(name)->buffers().empty()) settling.push_back(average.module(name));
  if (settling.empty()) return;
  for (const auto& module : settling) module->train(true), module->track(true);
  without_grad([&] {
    for (int64_t i = 0; i < kPasses; ++i) {
      const Batch drawn = sample(model, kBatch, rng);
      if (!model.can_encode()) continue;
      const at::Tensor rows = rng.integers(real.x.size(0), {kBatch});
      model.encode(real.x.index_select(0, rows), real.y.defined() ? real.y.index_select(0, rows) : real.y);
    }
    return 0;
  });
  for (const auto& module : settling) module->train(false);
}

}  // namespace obverse
