#pragma once

#include "obverse/games/game.h"

namespace obverse {

/// A layer of a network: where it stands, what it makes of one sample, at what cost.
struct LayerCost {
  std::string name;             // "trunk.conv0"
  std::vector<int64_t> output;  // without the samples' axis
  int64_t parameters = 0;
  double flops = 0;  // additions and multiplications for a sample
};

struct NetworkCost {
  std::string name, player;
  std::vector<LayerCost> layers;  // those with parameters, in the order of computation
  int64_t parameters = 0;         // of all of it
  double flops() const;
};

/// Every network of a game, as one round of all phases with random data in `domain` uses it. batch: samples in a batch.
std::vector<NetworkCost> network_costs(Game& game, const Domain& domain, int64_t batch);

}  // namespace obverse
