#include "obverse/metrics/wasserstein.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "obverse/core/error.h"
#include "obverse/metrics/jackknife.h"

namespace obverse {
namespace {

// Both quantile functions are constant between the multiples of 1/N and 1/M; counted in units of 1/(N M).
double squared_distance(const double* x, int64_t n, const double* y, int64_t m) {
  double sum = 0;
  for (int64_t i = 0, j = 0, at = 0; i < n && j < m;) {
    const int64_t next = std::min((i + 1) * m, (j + 1) * n);
    sum += static_cast<double>(next - at) * (x[i] - y[j]) * (x[i] - y[j]);
    at = next;
    if ((i + 1) * m == next) ++i;
    if ((j + 1) * n == next) ++j;
  }
  return sum / (static_cast<double>(n) * static_cast<double>(m));
}

// Squared distances on one line: of all of y and, with `error`, without each tenth in turn.
class Line {
 public:
  explicit Line(bool error) : error_(error) {}

  void measure(const double* x, int64_t n, const double* y, int64_t m, double* to) {
    x_.assign(x, x + n);
    std::sort(x_.begin(), x_.end());
    y_.clear();
    for (int64_t j = 0; j < m; ++j) y_.emplace_back(y[j], j);
    std::sort(y_.begin(), y_.end());
    to[0] = without(0, 0);
    if (!error_) return;
    for (int64_t g = 0; g < Jackknife::kGroups; ++g)
      to[1 + g] = without(Jackknife::first(g, m), Jackknife::first(g + 1, m));
  }

 private:
  double without(int64_t first, int64_t last) {
    kept_.clear();
    for (const auto& [value, row] : y_)
      if (row < first || row >= last) kept_.push_back(value);
    return squared_distance(x_.data(), static_cast<int64_t>(x_.size()), kept_.data(),
                            static_cast<int64_t>(kept_.size()));
  }

  bool error_;
  std::vector<double> x_, kept_;
  std::vector<std::pair<double, int64_t>> y_;
};

}  // namespace

double squared_wasserstein_1d(const at::Tensor& x, const at::Tensor& y) {
  return squared_distance(x.data_ptr<double>(), x.size(0), y.data_ptr<double>(), y.size(0));
}

SlicedWasserstein sliced_wasserstein(const at::Tensor& x, const at::Tensor& y, int64_t directions, bool error,
                                     Rng& rng) {
  if (x.size(1) != y.size(1))
    fail("features of {} and {} numbers cannot be compared: use one feature network for both", x.size(1), y.size(1));
  if (x.size(0) == 0 || y.size(0) == 0) fail("sliced Wasserstein: no samples");
  if (error && y.size(0) < 2 * Jackknife::kGroups) fail("sliced Wasserstein: too few samples for an interval");
  const at::Tensor a = x.to(at::kDouble).t(), b = y.to(at::kDouble).t();
  constexpr int64_t kSlice = 50;
  const int64_t n = x.size(0), m = y.size(0);
  const at::Tensor squares = at::zeros({directions, 1 + Jackknife::kGroups}, at::kDouble);
  for (int64_t done = 0; done < directions; done += kSlice) {
    const at::Tensor normal = rng.normal({std::min(kSlice, directions - done), x.size(1)}).to(at::kDouble);
    const at::Tensor unit = normal / normal.norm(2, {1}, /*keepdim=*/true);
    const at::Tensor xs = at::mm(unit, a), ys = at::mm(unit, b);  // [directions, N], [directions, M]
    at::parallel_for(0, unit.size(0), 1, [&](int64_t begin, int64_t end) {
      Line line(error);
      for (int64_t i = begin; i < end; ++i)
        line.measure(xs.data_ptr<double>() + i * n, n, ys.data_ptr<double>() + i * m, m,
                     squares.data_ptr<double>() + (done + i) * squares.size(1));
    });
  }
  const at::Tensor distances = squares.mean(0).sqrt_();
  const auto distance = [&](int64_t i) { return distances[i].item<double>(); };
  SlicedWasserstein result;
  result.value = distance(0);
  if (error) result.standard_error = Jackknife::error([&](int64_t g) { return distance(1 + g); });
  return result;
}

}  // namespace obverse
