#pragma once

#include "obverse/train/trainer.h"

namespace obverse {

/// What the metrics room measures during training: coverage and near-duplicates for the monitors, the recipe's metrics.
TrainHooks metric_hooks(const Recipe& recipe, std::shared_ptr<const Dataset> data);

}  // namespace obverse
