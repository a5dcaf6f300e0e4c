#include "obverse/metrics/small_adam.h"

#include <ATen/ATen.h>

#include <cmath>

#include "obverse/core/autograd.h"

namespace obverse {

SmallAdam::SmallAdam(std::vector<at::Tensor> parameters) : parameters_(std::move(parameters)) {
  for (const at::Tensor& p : parameters_) moments_.emplace_back(at::zeros_like(p), at::zeros_like(p));
}

void SmallAdam::step(const at::Tensor& loss, double lr) {
  constexpr double kBeta1 = 0.9, kBeta2 = 0.999;
  const std::vector<at::Tensor> grads = gradients(loss, parameters_);
  ++steps_;
  const double rate = lr / (1 - std::pow(kBeta1, steps_)), correction = 1 - std::pow(kBeta2, steps_);
  without_grad([&] {
    for (size_t i = 0; i < parameters_.size(); ++i) {
      auto& [m, v] = moments_[i];
      m.mul_(kBeta1).add_(grads[i], 1 - kBeta1);
      v.mul_(kBeta2).addcmul_(grads[i], grads[i], 1 - kBeta2);
      parameters_[i].addcdiv_(m, (v / correction).sqrt_().add_(1e-8), -rate);
    }
    return 0;
  });
}

}  // namespace obverse
