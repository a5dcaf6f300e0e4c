#include "obverse/infer/untrained.h"

#include <algorithm>

#include "obverse/core/autograd.h"

namespace obverse {

std::unique_ptr<Game> untrained_game(const LoadedModel& loaded, const Dataset& train, uint64_t seed) {
  auto game = build_game(loaded.recipe, loaded.domain);
  const auto model = game->model();
  Rng rng(seed, "untrained");
  without_grad([&] {
    for (int i = 0; i < 100; ++i) {
      const Batch batch = train.draw(std::min<int64_t>(128, train.size()), rng);
      model->encode(batch.x, model->classes() > 0 ? batch.y : at::Tensor());
    }
    return 0;
  });
  freeze(*game, {});
  return game;
}

}  // namespace obverse
