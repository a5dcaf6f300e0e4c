#pragma once

#include <utility>
#include <vector>

#include "obverse/games/game.h"

namespace obverse {

/// Moves a second game of the same networks after the first: the modules that it names in averaged() exponentially,
/// statistics of batch norm like weights; the others are copied.
class MovingAverage {
 public:
  MovingAverage(Game& average, Game& game);
  /// stays: the share of the old average that stays, 0.5^(images / half-life).
  void move(double stays) const;
  void copy_rest() const;

 private:
  using Pairs = std::vector<std::pair<at::Tensor, at::Tensor>>;  // of the average, of the game
  Pairs averaged_, rest_;
};

/// The share that stays after `images` more images, with the half-life ramped up: min(halflife, rampup * seen).
double average_decay(double halflife_images, double rampup, double seen_images, double images);

}  // namespace obverse
