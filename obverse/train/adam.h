#pragma once

#include "obverse/core/named_tensors.h"
#include "obverse/recipe/optimiser_options.h"

namespace obverse {

/// Adam (Kingma 2015, algorithm 1). A parameter without a gradient is skipped and keeps its own step count. optimistic:
/// each step is twice Adam's less the one before it, Daskalakis 2018, algorithm 1; the first is Adam's.
class Adam {
 public:
  Adam(NamedTensors parameters, const OptimiserOptions& options, bool optimistic = false);

  /// One step from the parameters' gradients, which are cleared. progress: for schedules. Returns the gradients' L2
  /// norm.
  double step(double progress);
  void clear_gradients();

  /// Multiplies every later step size; lowered after a rollback.
  double lr_factor = 1;
  double lr(double progress) const { return lr_factor * options_.lr.at(progress); }

  /// Moments and step counts, and the step before where it is needed, restored in place by copy_named. prefix:
  /// "generator.".
  NamedTensors state(const std::string& prefix) const;
  const NamedTensors& parameters() const { return parameters_; }

 private:
  NamedTensors parameters_;
  OptimiserOptions options_;
  std::vector<at::Tensor> first_, second_, steps_;  // steps_: int64 []
  std::vector<at::Tensor> before_;                  // the step before, by lr; empty unless optimistic
};

}  // namespace obverse
