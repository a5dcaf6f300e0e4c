#pragma once

#include "obverse/games/game.h"

namespace obverse {

/// Moves `average` towards `game`: modules the game names in averaged() exponentially, the others are copied whole when
/// `copy_rest` is set. Statistics of batch norm move like weights.
/// beta: share of the old average that stays, 0.5^(images / half-life).
void move_average(Game& average, Game& game, double beta);
void copy_rest(Game& average, Game& game);

/// The share that stays after `images` more images, with the half-life ramped up: min(halflife, rampup * seen).
double average_decay(double halflife_images, double rampup, double seen_images, double images);

}  // namespace obverse
