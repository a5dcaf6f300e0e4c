#include <ATen/ATen.h>

#include <cmath>

#include "obverse/infer/search.h"

namespace obverse {
namespace {

constexpr double kConverged = 1.0 / 32;  // a code whose step size has been halved to this share is left alone

// Halves the step size of codes whose loss stands still.
void slow_down(const OptimiseOptions& options, Candidates& c, at::Tensor& lr_factor) {
  if (options.patience == 0) return;
  const at::Tensor stuck = c.stale >= options.patience;
  lr_factor = at::where(stuck, lr_factor * 0.5, lr_factor);
  c.stale = c.stale.masked_fill(stuck, 0);
  c.active = lr_factor > kConverged;
}

}  // namespace

// Every code by itself: images do not know of each other. The step size falls to 0 by a cosine.
void descend_by_adam(const Objective& objective, Candidates& c, int64_t begin, int64_t end) {
  const OptimiseOptions& o = objective.options;
  if (begin == 0) c.memory = {at::zeros_like(c.code), at::zeros_like(c.code), at::ones({c.size()}, c.code.options())};
  at::Tensor &first = c.memory[0], &second = c.memory[1], &lr_factor = c.memory[2];
  for (int64_t step = begin; step < end; ++step) {
    const auto [loss, slope] = objective.slope(c.code, c.y);
    c.remember(c.code, loss, o.tolerance);
    slow_down(o, c, lr_factor);
    first = o.beta1 * first + (1 - o.beta1) * slope;
    second = o.beta2 * second + (1 - o.beta2) * slope.square();
    const double t = static_cast<double>(step + 1);
    const double lr = o.lr * (1 + std::cos(M_PI * static_cast<double>(step) / static_cast<double>(o.steps))) / 2;
    const at::Tensor direction =
        first / (1 - std::pow(o.beta1, t)) / ((second / (1 - std::pow(o.beta2, t))).sqrt() + 1e-8);
    c.code = c.code - lr * beside(lr_factor, c.code) * direction;
    if (objective.bound > 0) c.code = c.code.clamp(-objective.bound, objective.bound);  // beyond it no slope leads back
    if (o.clip > 0) {
      const at::Tensor fresh =
          objective.model.spaces().front().draw(c.code.size(0), objective.rng).to(c.code.scalar_type());
      c.code = at::where(c.code.abs() > o.clip, fresh, c.code);
    }
    c.steps = c.steps + 1;
  }
}

}  // namespace obverse
