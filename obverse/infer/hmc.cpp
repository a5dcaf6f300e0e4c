#include "obverse/infer/hmc.h"

#include <ATen/ATen.h>

#include <cmath>

#include "obverse/core/autograd.h"
#include "obverse/infer/search.h"

namespace obverse {

void HmcOptions::describe(Fields& f) {
  f("leapfrogs", leapfrogs, "steps of a trajectory", {1, 10000});
  f("step", step, "first size of a step; it adapts during the warm-up", kPositive);
  f("acceptance", acceptance, "share of trajectories to accept, which the step sizes are adapted to", {0.05, 0.99});
}

Hmc::Hmc(LogDensity density, const at::Tensor& start, const HmcOptions& options)
    : density_(std::move(density)), options_(options), position_(start.detach().clone()) {
  std::tie(log_density_, gradient_) = slope(position_);
  step_ = at::full({start.size(0)}, options.step, start.options());
  accepted_ = at::zeros_like(step_);
}

std::pair<at::Tensor, at::Tensor> Hmc::slope(const at::Tensor& position) const {
  const at::Tensor variable = position.detach().clone().requires_grad_();
  const at::Tensor value = density_(variable);
  return {value.detach(), gradient(value, variable)};
}

void Hmc::advance(Rng& rng, bool adapt) {
  const auto kinetic = [](const at::Tensor& p) { return 0.5 * p.square().flatten(1).sum(1); };
  const at::Tensor jitter = 0.8 + 0.4 * rng.uniform(step_.sizes()).to(step_.scalar_type());
  const at::Tensor size = beside(step_ * jitter, position_);
  at::Tensor momentum = rng.normal(position_.sizes()).to(position_.scalar_type());
  const at::Tensor energy = log_density_ - kinetic(momentum);  // [M], of the start

  at::Tensor position = position_, log_density = log_density_, slopes = gradient_;
  for (int64_t i = 0; i < options_.leapfrogs; ++i) {
    momentum = momentum + 0.5 * size * slopes;
    position = position + size * momentum;
    std::tie(log_density, slopes) = slope(position);
    momentum = momentum + 0.5 * size * slopes;
  }
  accepted_ = (log_density - kinetic(momentum) - energy).exp().clamp_max(1).nan_to_num(0);
  const at::Tensor moves = rng.uniform(step_.sizes()).to(step_.scalar_type()) < accepted_;
  position_ = at::where(beside(moves, position_), position, position_);
  gradient_ = at::where(beside(moves, gradient_), slopes, gradient_);
  log_density_ = at::where(moves, log_density, log_density_);
  if (!adapt) return;
  const double rate = 1 / std::sqrt(1 + ++adaptations_ / 10);
  step_ = step_ * (rate * (accepted_ - options_.acceptance)).exp();
}

}  // namespace obverse
