#pragma once

#include <functional>
#include <map>

#include "obverse/games/game.h"
#include "obverse/recipe/train_options.h"
#include "obverse/train/adam.h"

namespace obverse {

using Optimisers = std::map<std::string, Adam>;  // by player

/// What an update rule tells of each step it took.
using StepReport = std::function<void(const Phase& phase, const Terms& terms, double gradient_norm)>;

/// Plays the phases due in this round: asks the game for gradients, steps the players' optimisers.
struct UpdateRule {
  std::string name, source;
  void (*play)(Game& game, const std::vector<Phase>& due, Round& round, Optimisers& optimisers,
               const TrainOptions& options, const StepReport& report);
  bool optimistic = false;  // its optimisers remember the step before
};

/// plain (phases one after the other), simultaneous, optimistic, extragradient, consensus.
const std::vector<UpdateRule>& update_table();

/// An optimiser for each player, of the kind that the rule wants. Throws UserError where rule and game do not go
/// together.
Optimisers make_optimisers(Game& game, const UpdateRule& rule);

/// The phases whose interval divides the round's number.
std::vector<Phase> due_phases(Game& game, int64_t round);

}  // namespace obverse
