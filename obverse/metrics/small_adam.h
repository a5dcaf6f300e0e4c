#pragma once

#include <ATen/core/Tensor.h>

#include <utility>
#include <vector>

namespace obverse {

/// Adam (Kingma 2015, algorithm 1; 0.9, 0.999, 1e-8) for the classifiers that judge; the trainer's own serves players
/// and schedules, which these have not.
class SmallAdam {
 public:
  explicit SmallAdam(std::vector<at::Tensor> parameters);
  /// One step of the parameters, in place, down the loss.
  void step(const at::Tensor& loss, double lr);

 private:
  std::vector<at::Tensor> parameters_;
  std::vector<std::pair<at::Tensor, at::Tensor>> moments_;
  double steps_ = 0;
};

}  // namespace obverse
