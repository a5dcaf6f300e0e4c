#pragma once

#include "obverse/games/recipe.h"

namespace obverse {

/// The model's game with fresh weights, its running statistics those of training data, in evaluation mode: an untrained
/// encoder is no bad feature extractor, and what a trained one tells is to be read beside it.
std::unique_ptr<Game> untrained_game(const LoadedModel& loaded, const Dataset& train, uint64_t seed);

}  // namespace obverse
