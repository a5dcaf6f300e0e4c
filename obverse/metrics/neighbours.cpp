#include "obverse/metrics/neighbours.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "obverse/core/error.h"

namespace obverse {
namespace {

constexpr int64_t kBlockElements = int64_t{1} << 24;  // 128 MiB of float64

// Both sets about the reference's mean, where squared distances lose the fewest digits.
std::pair<at::Tensor, at::Tensor> centred(const at::Tensor& real, const at::Tensor& fake) {
  if (real.size(1) != fake.size(1))
    fail("features of {} and {} numbers cannot be compared: use one feature network for both", real.size(1),
         fake.size(1));
  const at::Tensor x = real.to(at::kDouble), mean = x.mean(0);
  const at::Tensor y = fake.to(at::kDouble);
  if (!(mean.sum() + y.sum()).isfinite().item<bool>())
    fail("features hold values that are not finite: the images or the feature network are broken");
  return {x - mean, y - mean};
}

}  // namespace

void for_distance_blocks(const at::Tensor& x, const at::Tensor& y,
                         const std::function<void(int64_t, const at::Tensor&)>& f) {
  const at::Tensor a = x.to(at::kDouble), b = y.to(at::kDouble);
  const at::Tensor b_squares = b.square().sum(1);  // [M]
  const int64_t rows = std::max<int64_t>(1, kBlockElements / std::max<int64_t>(1, b.size(0)));
  for (int64_t first = 0; first < a.size(0); first += rows) {
    const at::Tensor part = a.slice(0, first, first + rows);
    const at::Tensor squares = part.square().sum(1, /*keepdim=*/true);  // [rows, 1]
    // |p - q|^2 = |p|^2 + |q|^2 - 2 p.q; rounding may leave it just below 0.
    f(first, at::mm(part, b.t()).mul_(-2).add_(squares).add_(b_squares).clamp_min_(0).sqrt_());
  }
}

at::Tensor neighbour_radii(const at::Tensor& x, int64_t k) {
  if (x.size(0) <= k) fail("{} samples have no {}-th neighbour: use at least {} samples", x.size(0), k, k + 1);
  std::vector<at::Tensor> radii;
  for_distance_blocks(x, x, [&](int64_t first, const at::Tensor& distances) {
    // A sample is not its own neighbour.
    distances.diagonal(first).slice(0, 0, distances.size(0)).fill_(std::numeric_limits<double>::infinity());
    radii.push_back(std::get<0>(distances.topk(k, 1, /*largest=*/false)).select(1, k - 1));
  });
  return at::cat(radii);
}

Nearest nearest_rows(const at::Tensor& x, const at::Tensor& y) {
  const auto [b, a] = centred(y, x);
  std::vector<at::Tensor> distances, rows;
  for_distance_blocks(a, b, [&](int64_t, const at::Tensor& block) {
    const auto [distance, row] = block.min(1);
    distances.push_back(distance);
    rows.push_back(row);
  });
  return {at::cat(distances), at::cat(rows)};
}

double near_copy_distance(const at::Tensor& radii) {
  // Where real data hold copies themselves the quantile is 0 up to rounding: only copies count then.
  return std::max(radii.quantile(0.01).item<double>(), 1e-5 * radii.median().item<double>());
}

PrecisionRecall precision_recall(const at::Tensor& real, const at::Tensor& fake, int64_t k) {
  const auto [x, y] = centred(real, fake);
  const at::Tensor x_radii = neighbour_radii(x, k), y_radii = neighbour_radii(y, k);
  at::Tensor inside_real = at::zeros({y.size(0)}, at::kBool);
  int64_t inside_fake = 0;
  for_distance_blocks(x, y, [&](int64_t first, const at::Tensor& distances) {
    const at::Tensor radii = x_radii.slice(0, first, first + distances.size(0)).unsqueeze(1);
    inside_real.logical_or_((distances <= radii).any(0));
    inside_fake += (distances <= y_radii).any(1).sum().item<int64_t>();
  });
  return {inside_real.to(at::kDouble).mean().item<double>(),
          static_cast<double>(inside_fake) / static_cast<double>(x.size(0))};
}

DensityCoverage density_coverage(const at::Tensor& real, const at::Tensor& fake, int64_t k) {
  const auto [x, y] = centred(real, fake);
  const at::Tensor radii = neighbour_radii(x, k);
  at::Tensor balls = at::zeros({y.size(0)}, at::kDouble);  // real balls that each generated sample lies in
  int64_t covered = 0;
  for_distance_blocks(x, y, [&](int64_t first, const at::Tensor& distances) {
    const at::Tensor inside = distances < radii.slice(0, first, first + distances.size(0)).unsqueeze(1);
    balls.add_(inside.sum(0));
    covered += inside.any(1).sum().item<int64_t>();
  });
  const double m = static_cast<double>(y.size(0));
  DensityCoverage result;
  result.density = balls.mean().item<double>() / static_cast<double>(k);
  result.density_error = m > 1 ? balls.std().item<double>() / static_cast<double>(k) / std::sqrt(m) : 0;
  result.coverage = static_cast<double>(covered) / static_cast<double>(x.size(0));
  return result;
}

Diversity diversity(const at::Tensor& real, const at::Tensor& fake) {
  const auto [x, y] = centred(real, fake);
  const double near = near_copy_distance(neighbour_radii(x, 1));
  return {density_coverage(x, y).coverage, (neighbour_radii(y, 1) < near).to(at::kDouble).mean().item<double>()};
}

}  // namespace obverse
