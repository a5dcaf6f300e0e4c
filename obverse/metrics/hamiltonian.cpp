#include "obverse/metrics/hamiltonian.h"

#include <ATen/ATen.h>

#include "obverse/core/autograd.h"

namespace obverse {

at::Tensor beside(const at::Tensor& per_row, const at::Tensor& rows) {
  std::vector<int64_t> shape(static_cast<size_t>(rows.dim()), 1);
  shape[0] = per_row.size(0);
  return per_row.view(shape);
}

HamiltonianChains HamiltonianChains::at_position(const PositionFunction& f, const at::Tensor& position) {
  const at::Tensor variable = position.detach().requires_grad_(true);
  const at::Tensor value = f(variable);
  return {position.detach(), value.detach(), gradient(value, variable)};
}

at::Tensor HamiltonianChains::advance(const TemperedDensity& density, const at::Tensor& steps, int64_t leapfrogs,
                                      Rng& rng) {
  const at::Tensor size = beside(steps.to(position.scalar_type()), position);
  const auto half_square = [](const at::Tensor& t) { return 0.5 * t.flatten(1).to(at::kDouble).square().sum(1); };
  const auto log_joint = [&](const HamiltonianChains& c, const at::Tensor& momentum) {
    const at::Tensor own = density.beta * c.value.to(at::kDouble) - half_square(momentum);
    return density.normal_prior ? own - half_square(c.position) : own;
  };
  const auto force = [&](const HamiltonianChains& c) {
    return density.normal_prior ? density.beta * c.slope - c.position : density.beta * c.slope;
  };
  at::Tensor momentum = rng.normal(position.sizes()).to(position.scalar_type());
  const at::Tensor before = log_joint(*this, momentum);
  HamiltonianChains next = *this;
  momentum = momentum + 0.5 * size * force(next);
  for (int64_t i = 0; i < leapfrogs; ++i) {
    next = at_position(density.f, next.position + size * momentum);
    momentum = momentum + (i + 1 < leapfrogs ? size : 0.5 * size) * force(next);
  }
  const at::Tensor chance = (log_joint(next, momentum) - before).exp().clamp_max(1).nan_to_num(0);
  const at::Tensor taken = rng.uniform(steps.sizes()).to(at::kDouble) < chance;
  position = at::where(beside(taken, position), next.position, position);
  slope = at::where(beside(taken, slope), next.slope, slope);
  value = at::where(taken, next.value, value);
  return chance;
}

}  // namespace obverse
