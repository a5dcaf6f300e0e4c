#include "obverse/infer/hmc.h"

#include <ATen/ATen.h>

#include <cmath>

namespace obverse {

void HmcOptions::describe(Fields& f) {
  f("leapfrogs", leapfrogs, "steps of a trajectory", {1, 10000});
  f("step", step, "first size of a step; it adapts during the warm-up", kPositive);
  f("acceptance", acceptance, "share of trajectories to accept, which the step sizes are adapted to", {0.05, 0.99});
}

Hmc::Hmc(LogDensity density, const at::Tensor& start, const HmcOptions& options)
    : density_{std::move(density)}, options_(options), chains_(HamiltonianChains::at_position(density_.f, start)) {
  step_ = at::full({start.size(0)}, options.step, start.options());
  accepted_ = at::zeros_like(step_);
}

void Hmc::advance(Rng& rng, bool adapt) {
  const at::Tensor jitter = 0.8 + 0.4 * rng.uniform(step_.sizes()).to(step_.scalar_type());
  accepted_ = chains_.advance(density_, step_ * jitter, options_.leapfrogs, rng).to(step_.scalar_type());
  if (!adapt) return;
  const double rate = 1 / std::sqrt(1 + ++adaptations_ / 10);
  step_ = step_ * (rate * (accepted_ - options_.acceptance)).exp();
}

}  // namespace obverse
