#include "obverse/metrics/modes.h"

#include <ATen/ATen.h>

#include <cmath>

#include "obverse/core/error.h"
#include "obverse/metrics/neighbours.h"

namespace obverse {

double kl_to_uniform(const at::Tensor& counts) {
  const double modes = static_cast<double>(counts.numel());
  const at::Tensor n = counts.to(at::kDouble);
  const double total = n.sum().item<double>();
  if (total == 0) return std::log(modes);
  return at::xlogy(n / total, n / total).sum().item<double>() + std::log(modes);
}

// Root mean squared deviation from the samples' own mean, a coordinate, unbiased.
static double own_std(const at::Tensor& samples) {
  if (samples.size(0) < 2) return std::nan("");
  return samples.var(/*dim=*/0, /*unbiased=*/true).mean().sqrt().item<double>();
}

MixtureModes mixture_modes(const at::Tensor& samples, const Mixture& mixture) {
  if (samples.dim() != 2 || samples.size(1) != mixture.means.size(1))
    fail("modes: samples are not points of {} coordinates like the mixture's", mixture.means.size(1));
  if (samples.size(0) == 0) fail("modes: no samples");
  const at::Tensor x = samples.to(at::kDouble);
  const int64_t modes = mixture.means.size(0);
  const at::Tensor distances = (x.unsqueeze(1) - mixture.means.unsqueeze(0)).norm(2, {2});  // [N, K]
  const auto [distance, nearest] = distances.min(1);
  const at::Tensor good = distance <= 3 * mixture.std;
  const at::Tensor mode = nearest.masked_select(good);  // of each high-quality sample
  MixtureModes result;
  result.modes = modes;
  result.counts = at::bincount(mode, {}, modes);
  result.captured = (result.counts > 0).sum().item<int64_t>();
  result.high_quality = good.to(at::kDouble).mean().item<double>();
  result.reverse_kl = kl_to_uniform(result.counts);
  result.stds = at::empty({modes}, at::kDouble);
  for (int64_t k = 0; k < modes; ++k)
    result.stds[k] = own_std(x.index_select(0, at::logical_and(good, nearest == k).nonzero().flatten()));
  return result;
}

ClassModes stacked_modes(const at::Tensor& digits, int64_t classes) {
  if (digits.dim() != 2 || digits.size(0) == 0) fail("modes: needs a row of digits for each sample");
  at::Tensor mode = at::zeros({digits.size(0)}, at::kLong);
  int64_t modes = 1;
  for (int64_t channel = 0; channel < digits.size(1); ++channel) {
    mode = mode * classes + digits.select(1, channel);
    modes *= classes;
  }
  const at::Tensor counts = at::bincount(mode, {}, modes);
  return {modes, (counts > 0).sum().item<int64_t>(), kl_to_uniform(counts)};
}

std::optional<Mixture> known_mixture(const Dataset& data) {
  if (data.domain.kind != Domain::Kind::points) return std::nullopt;
  try {
    return mixture_of(data.name);
  } catch (const UserError&) {  // the answer to the question asked: none of the mixtures
    return std::nullopt;
  }
}

}  // namespace obverse
