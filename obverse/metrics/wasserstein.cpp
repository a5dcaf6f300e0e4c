#include "obverse/metrics/wasserstein.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/error.h"

namespace obverse {

static at::Tensor sorted(const at::Tensor& x) { return std::get<0>(x.sort(1)); }

at::Tensor squared_wasserstein_1d(const at::Tensor& x, const at::Tensor& y) {
  const int64_t n = x.size(1), m = y.size(1);
  const at::Tensor a = sorted(x), b = sorted(y);
  if (n == m) return (a - b).square_().mean(1);
  // Both quantile functions are constant between the multiples of 1/n and 1/m; counted in units of 1/(n m).
  const at::Tensor ends = std::get<0>(at::_unique(at::cat({at::arange(n + 1) * m, at::arange(m + 1) * n})));
  const at::Tensor starts = ends.slice(0, 0, -1);
  const at::Tensor weights =
      (ends.slice(0, 1) - starts).to(at::kDouble) / (static_cast<double>(n) * static_cast<double>(m));
  const at::Tensor difference = a.index_select(1, starts.floor_divide(m)) - b.index_select(1, starts.floor_divide(n));
  return at::mv(difference.square_(), weights);
}

double sliced_wasserstein(const at::Tensor& x, const at::Tensor& y, int64_t directions, Rng& rng) {
  if (x.size(1) != y.size(1))
    fail("features of {} and {} numbers cannot be compared: use one feature network for both", x.size(1), y.size(1));
  if (x.size(0) == 0 || y.size(0) == 0) fail("sliced Wasserstein: no samples");
  const at::Tensor a = x.to(at::kDouble).t(), b = y.to(at::kDouble).t();
  constexpr int64_t kSlice = 50;
  double sum = 0;
  for (int64_t done = 0; done < directions; done += kSlice) {
    const at::Tensor normal = rng.normal({std::min(kSlice, directions - done), x.size(1)}).to(at::kDouble);
    const at::Tensor unit = normal / normal.norm(2, {1}, /*keepdim=*/true);
    sum += squared_wasserstein_1d(at::mm(unit, a), at::mm(unit, b)).sum().item<double>();
  }
  return std::sqrt(sum / static_cast<double>(directions));
}

}  // namespace obverse
