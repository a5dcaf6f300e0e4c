#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "obverse/data/batches.h"
#include "obverse/games/recipe.h"
#include "obverse/train/monitors.h"
#include "obverse/train/run_folder.h"

namespace obverse {

/// Where a run stands, for a progress bar.
struct Progress {
  double kimg = 0, total_kimg = 0;
  double images_per_second = 0;
  double seconds_left = 0;
  const Stats* stats = nullptr;
};

/// What the trainer calls while it works; each may be empty.
struct TrainHooks {
  std::function<void(const Progress&)> progress;
  std::function<void(const Finding&)> finding;
  std::function<DiversityFigures(LatentModel&)> diversity;
  /// Metrics at a snapshot: writes its own lines to the run folder; returns name and value for TensorBoard.
  std::function<std::vector<std::pair<std::string, double>>(LatentModel&, double kimg, const RunFolder&)> evaluate;
  const std::atomic<bool>* stop = nullptr;  // set from outside: finish the round, save, return
};

enum class Outcome { finished, interrupted, gave_up };

/// Trains the recipe's game in the run folder, from its last checkpoint when it has one.
/// Knows no family: it draws batches, lets the update rule play rounds, and keeps averages, figures, snapshots,
/// monitors and checkpoints.
Outcome train(Recipe& recipe, std::shared_ptr<const Dataset> data, const RunFolder& run, const TrainHooks& hooks);

/// As above for a game that is at hand: what tests with a game of their own call.
using GameFactory = std::function<std::unique_ptr<Game>()>;
Outcome train(Recipe& recipe, std::shared_ptr<const Dataset> data, const RunFolder& run, const TrainHooks& hooks,
              const GameFactory& make_game);

}  // namespace obverse
