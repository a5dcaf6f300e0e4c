#include "obverse/apps/edit.h"

#include <ATen/ATen.h>

#include <cmath>

#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/models/prior.h"

namespace obverse {
namespace {

at::Tensor shares(const at::Tensor& a, int64_t frames) {
  std::vector<int64_t> sizes(static_cast<size_t>(a.dim() + 1), 1);
  sizes[0] = frames;
  return at::linspace(0, 1, frames, a.options()).view(sizes);
}

}  // namespace

at::Tensor linear_path(const at::Tensor& a, const at::Tensor& b, int64_t frames) {
  return at::lerp(a.unsqueeze(0), b.unsqueeze(0), shares(a, frames));
}

at::Tensor spherical_path(const at::Tensor& a, const at::Tensor& b, int64_t frames) {
  const double length_a = a.norm().item<double>(), length_b = b.norm().item<double>();
  if (length_a < 1e-12 || length_b < 1e-12) return linear_path(a, b, frames);
  const at::Tensor from = a / length_a, to = b / length_b;
  const double angle = std::acos(std::min(1.0, std::max(-1.0, (from * to).sum().item<double>())));
  if (std::sin(angle) < 1e-4) return linear_path(a, b, frames);  // the same way, or opposite: there is no one arc
  const at::Tensor t = shares(a, frames);
  const at::Tensor way = (at::sin((1 - t) * angle) * from + at::sin(t * angle) * to) / std::sin(angle);
  return way * (length_a + t * (length_b - length_a));
}

at::Tensor mix_styles(const at::Tensor& coarse, const at::Tensor& fine, int64_t first, int64_t last) {
  if (first < 0 || first > last || last >= coarse.size(1))
    fail("layers {}-{}: the model has layers 0 to {}", first, last, coarse.size(1) - 1);
  at::Tensor mixed = coarse.clone();
  mixed.slice(1, first, last + 1).copy_(fine.slice(1, first, last + 1));
  return mixed;
}

at::Tensor within_prior(const LatentModel& model, const at::Tensor& code) {
  const double bound = find_row(prior_table(), "prior", model.spaces().front().prior).bound;
  return bound > 0 ? code.clamp(-bound, bound) : code;
}

LocalEdit edit_locally(LatentModel& model, const at::Tensor& x, const at::Tensor& code, const at::Tensor& y,
                       const at::Tensor& mask, const OptimiseOptions& options, Rng& rng) {
  const at::Tensor wanted = mask * decode_all(model, code, y) + (1 - mask) * x;
  const Optimised found = optimise(model, wanted, {code, y, at::arange(x.size(0))}, options, rng);
  return {mask * decode_all(model, found.code, found.y) + (1 - mask) * x, found.code};
}

}  // namespace obverse
