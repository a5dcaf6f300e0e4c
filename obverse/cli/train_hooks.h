#pragma once

#include "obverse/train/trainer.h"

namespace obverse {

/// Throws UserError for what would end the training only at its first metrics: unknown metrics, features not to be
/// found.
void check_evaluation(const Recipe& recipe);

/// What the metrics room measures during training: coverage and near-duplicates for the monitors, the recipe's metrics.
TrainHooks metric_hooks(const Recipe& recipe, std::shared_ptr<const Dataset> data);

}  // namespace obverse
