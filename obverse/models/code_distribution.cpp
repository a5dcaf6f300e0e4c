#include "obverse/models/code_distribution.h"

#include <ATen/ATen.h>

#include <cmath>

namespace obverse {

namespace {
const double kHalfLog2Pi = 0.5 * std::log(2 * M_PI);
}

at::Tensor CodeDistribution::sample(Rng& rng) const {
  if (!log_std.defined()) return mean;
  return mean + log_std.exp() * rng.normal(mean.sizes()).to(mean.scalar_type());
}

at::Tensor CodeDistribution::log_prob(const at::Tensor& code) const {
  const at::Tensor noise = (code - mean) * (-log_std).exp();
  return standard_normal_log_prob(noise) - log_std.flatten(1).sum(1);
}

at::Tensor CodeDistribution::kl_to_normal() const { return 0.5 * (mean.square() + (2 * log_std).exp() - 1) - log_std; }

CodeDistribution gaussian_codes(const at::Tensor& output) {
  const std::vector<at::Tensor> halves = output.chunk(2, 1);
  return {halves[0], halves[1].clamp(-7, 3)};
}

at::Tensor standard_normal_log_prob(const at::Tensor& x) { return (-0.5 * x.square() - kHalfLog2Pi).flatten(1).sum(1); }

}  // namespace obverse
