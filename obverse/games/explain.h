#pragma once

#include "obverse/games/game.h"
#include "obverse/games/recipe.h"

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

/// A recipe's game as text: networks layer by layer, each player's loss as formulas, schedules as small plots. Loads
/// the recipe's data. Throws UserError as load_dataset and build_game do.
std::string explain_recipe(Recipe& recipe);

}  // namespace obverse
