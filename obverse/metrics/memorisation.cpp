#include "obverse/metrics/memorisation.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "obverse/metrics/bins.h"
#include "obverse/metrics/neighbours.h"

namespace obverse {
namespace {

constexpr int64_t kFewestInCell = 20;

double share_of(const at::Tensor& flags) { return flags.to(at::kDouble).mean().item<double>(); }

at::Tensor rows_of(const at::Tensor& x, const at::Tensor& cell_of, int64_t cell) {
  return x.index_select(0, (cell_of == cell).nonzero().flatten());
}

}  // namespace

Memorisation memorisation(const at::Tensor& train, const at::Tensor& fake) {
  const at::Tensor spacing = neighbour_radii(train, 1);
  const Nearest nearest = nearest_rows(fake, train);
  const double near = near_copy_distance(spacing);
  Memorisation result;
  result.authenticity = share_of(nearest.distance > spacing.index_select(0, nearest.row));
  result.copies = share_of(nearest.distance < near);
  result.duplicates = share_of(neighbour_radii(fake, 1) < near);
  result.nearest_ratio = nearest.distance.median().item<double>() / spacing.median().item<double>();
  return result;
}

double mann_whitney_z(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor sorted = std::get<0>(b.contiguous().sort());
  const at::Tensor below = at::searchsorted(sorted, a.contiguous(), false, /*right=*/false);
  const at::Tensor not_above = at::searchsorted(sorted, a.contiguous(), false, /*right=*/true);
  const double u = 0.5 * static_cast<double>((below + not_above).sum().item<int64_t>());
  const double n = static_cast<double>(a.size(0)), m = static_cast<double>(b.size(0));
  return (u - n * m / 2) / std::sqrt(n * m * (n + m + 1) / 12);
}

double copying_score(const at::Tensor& train, const at::Tensor& test, const at::Tensor& fake, int64_t cells, Rng& rng) {
  const at::Tensor centres = k_means(train, cells, rng);
  const at::Tensor train_cells = nearest_centre(train, centres), test_cells = nearest_centre(test, centres),
                   fake_cells = nearest_centre(fake, centres);
  double sum = 0, weight = 0;
  for (int64_t cell = 0; cell < cells; ++cell) {
    const at::Tensor t = rows_of(train, train_cells, cell), p = rows_of(test, test_cells, cell),
                     q = rows_of(fake, fake_cells, cell);
    if (t.size(0) == 0 || p.size(0) == 0 || q.size(0) < kFewestInCell) continue;
    const auto share = static_cast<double>(p.size(0));
    sum += share * mann_whitney_z(nearest_rows(q, t).distance, nearest_rows(p, t).distance);
    weight += share;
  }
  return weight > 0 ? sum / weight : std::nan("");
}

}  // namespace obverse
