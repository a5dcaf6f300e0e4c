#include "obverse/metrics/neighbours.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <memory>

#include "obverse/core/error.h"
#include "obverse/metrics/jackknife.h"
#include "obverse/metrics/near_pairs.h"

namespace obverse {
namespace {

constexpr float kUnlimited = std::numeric_limits<float>::infinity();

struct Neighbour {
  double square;  // of the distance: a bound, or exact
  int64_t row;
  bool operator<(const Neighbour& o) const { return square != o.square ? square < o.square : row < o.row; }
};

// The k nearest rows found so far of one row: those that may be, and the k smallest upper bounds.
class Nearby {
 public:
  // Returns the limit beyond which no row is among the k nearest.
  double add(const NearPairs& pairs, const NearPairs::Pair& pair, size_t k) {
    candidates_.push_back({pair.low, pair.j});
    highs_.push_back(pair.high);
    std::push_heap(highs_.begin(), highs_.end());
    if (highs_.size() > k) std::pop_heap(highs_.begin(), highs_.end()), highs_.pop_back();
    constexpr size_t kMost = 4096;  // many rows that the bounds cannot tell apart, copies perhaps
    if (candidates_.size() >= kMost + k) settle(pairs, pair.i, k);
    return highs_.size() < k ? kUnlimited : highs_.front();
  }

  // The k nearest so far, by exact distances, in order.
  const std::vector<Neighbour>& settle(const NearPairs& pairs, int64_t i, size_t k) {
    const double limit = highs_.size() < k ? kUnlimited : highs_.front();
    std::vector<Neighbour> exact;
    for (const Neighbour& c : candidates_)
      if (c.square <= limit) exact.push_back({pairs.exact(i, c.row), c.row});
    const size_t kept = std::min(k, exact.size());
    std::partial_sort(exact.begin(), exact.begin() + static_cast<std::ptrdiff_t>(kept), exact.end());
    exact.resize(kept);
    candidates_ = std::move(exact);
    highs_.clear();
    for (const Neighbour& c : candidates_) highs_.push_back(c.square);
    std::make_heap(highs_.begin(), highs_.end());
    return candidates_;
  }

 private:
  std::vector<Neighbour> candidates_;
  std::vector<double> highs_;  // a heap, the largest first
};

// The k nearest rows of y to each row of x, nearest first; of x's own other rows when `self`.
std::vector<std::vector<Neighbour>> nearest_neighbours(const at::Tensor& x, const at::Tensor& y, size_t k, bool self) {
  const NearPairs pairs(x, y);
  std::vector<std::vector<Neighbour>> result(static_cast<size_t>(x.size(0)));
  std::vector<Nearby> nearby(result.size());
  std::vector<float> limits(result.size(), kUnlimited);
  pairs.run(
      limits, {},
      [&](const NearPairs::Pair& pair) {
        if (self && pair.i == pair.j) return;
        const auto i = static_cast<size_t>(pair.i);
        limits[i] = NearPairs::limit(nearby[i].add(pairs, pair, k));
      },
      [&](int64_t first, int64_t last) {
        for (auto i = static_cast<size_t>(first); i < static_cast<size_t>(last); ++i) {
          result[i] = nearby[i].settle(pairs, static_cast<int64_t>(i), k);
          nearby[i] = {};
        }
      });
  return result;
}

// Squared distance of each row to its k-th nearest other row.
std::vector<double> squared_radii(const at::Tensor& x, int64_t k) {
  if (x.size(0) <= k) fail("{} samples have no {}-th neighbour: use at least {} samples", x.size(0), k, k + 1);
  std::vector<double> radii;
  for (const auto& neighbours : nearest_neighbours(x, x, static_cast<size_t>(k), /*self=*/true))
    radii.push_back(neighbours.back().square);
  return radii;
}

std::vector<float> limits_of(const std::vector<double>& squares) {
  std::vector<float> limits;
  for (const double square : squares) limits.push_back(NearPairs::limit(square));
  return limits;
}

at::Tensor roots(const std::vector<double>& squares) { return at::tensor(squares, at::kDouble).sqrt_(); }

/// Counts that several threads add to.
class Counts {
 public:
  explicit Counts(int64_t n) : counts_(new std::atomic<int32_t>[static_cast<size_t>(n)]()), n_(n) {}
  void add(int64_t i) { counts_[static_cast<size_t>(i)].fetch_add(1, std::memory_order_relaxed); }
  bool any(int64_t i) const { return counts_[static_cast<size_t>(i)].load(std::memory_order_relaxed) > 0; }
  at::Tensor tensor() const {  // float64 [n]
    at::Tensor result = at::empty({n_}, at::kDouble);
    for (int64_t i = 0; i < n_; ++i) result.data_ptr<double>()[i] = counts_[static_cast<size_t>(i)];
    return result;
  }
  double share() const { return (tensor() > 0).to(at::kDouble).mean().item<double>(); }

 private:
  std::unique_ptr<std::atomic<int32_t>[]> counts_;
  int64_t n_;
};

/// Whether a generated sample of each tenth reaches each real sample.
class Reached {
 public:
  Reached(int64_t real, int64_t fake) : counts_(real * Jackknife::kGroups), real_(real), fake_(fake) {}
  void add(int64_t real, int64_t fake) { counts_.add(index(real, fake)); }
  bool known(int64_t real, int64_t fake) const { return counts_.any(index(real, fake)); }
  double share() const { return (groups().sum(1) > 0).to(at::kDouble).mean().item<double>(); }
  double error() const {
    const at::Tensor all = groups(), total = all.sum(1);
    return Jackknife::error(
        [&](int64_t g) { return (total > all.select(1, g)).to(at::kDouble).mean().item<double>(); });
  }

 private:
  int64_t index(int64_t real, int64_t fake) const {
    return real * Jackknife::kGroups + fake * Jackknife::kGroups / fake_;
  }
  at::Tensor groups() const {  // float64 [real, groups] of 0 and 1
    return (counts_.tensor().view({real_, Jackknife::kGroups}) > 0).to(at::kDouble);
  }
  Counts counts_;
  int64_t real_, fake_;
};

}  // namespace

at::Tensor neighbour_radii(const at::Tensor& x, int64_t k) { return roots(squared_radii(x, k)); }

Nearest nearest_rows(const at::Tensor& x, const at::Tensor& y) {
  if (y.size(0) == 0) fail("there is no sample to be nearest to");
  std::vector<double> squares;
  std::vector<int64_t> rows;
  for (const auto& neighbours : nearest_neighbours(x, y, 1, /*self=*/false)) {
    squares.push_back(neighbours[0].square);
    rows.push_back(neighbours[0].row);
  }
  return {roots(squares), at::tensor(rows, at::kLong)};
}

double near_copy_distance(const at::Tensor& radii) {
  // Where real data hold copies themselves the quantile is 0 up to rounding: only copies count then.
  return std::max(radii.quantile(0.01).item<double>(), 1e-5 * radii.median().item<double>());
}

PrecisionRecall precision_recall(const at::Tensor& real, const at::Tensor& fake, int64_t k) {
  const std::vector<double> real_squares = squared_radii(real, k), fake_squares = squared_radii(fake, k);
  std::vector<float> limits = limits_of(real_squares);
  const NearPairs pairs(real, fake);
  Counts in_real(fake.size(0));
  Reached in_fake(real.size(0), fake.size(0));
  pairs.run(limits, limits_of(fake_squares), [&](const NearPairs::Pair& pair) {
    const double real_square = real_squares[static_cast<size_t>(pair.i)],
                 fake_square = fake_squares[static_cast<size_t>(pair.j)];
    const bool news = (pair.low <= real_square && !in_real.any(pair.j)) ||
                      (pair.low <= fake_square && !in_fake.known(pair.i, pair.j));
    if (!news) return;
    const double square = pair.high <= std::min(real_square, fake_square) ? pair.high : pairs.exact(pair.i, pair.j);
    if (square <= real_square) in_real.add(pair.j);
    if (square <= fake_square) in_fake.add(pair.i, pair.j);
  });
  return {in_real.share(), in_fake.share(), in_fake.error()};
}

DensityCoverage density_coverage(const at::Tensor& real, const at::Tensor& fake, int64_t k) {
  const std::vector<double> squares = squared_radii(real, k);
  std::vector<float> limits = limits_of(squares);
  const NearPairs pairs(real, fake);
  Counts balls(fake.size(0));  // real balls that a generated sample lies in
  Reached inside(real.size(0), fake.size(0));
  pairs.run(limits, {}, [&](const NearPairs::Pair& pair) {
    const double square = squares[static_cast<size_t>(pair.i)];
    if (pair.high >= square && pairs.exact(pair.i, pair.j) >= square) return;
    balls.add(pair.j);
    inside.add(pair.i, pair.j);
  });
  const at::Tensor counts = balls.tensor();
  const double m = static_cast<double>(fake.size(0));
  DensityCoverage result;
  result.density = counts.mean().item<double>() / static_cast<double>(k);
  result.density_error = m > 1 ? counts.std().item<double>() / static_cast<double>(k) / std::sqrt(m) : 0;
  result.coverage = inside.share();
  result.coverage_error = inside.error();
  return result;
}

Diversity diversity(const at::Tensor& real, const at::Tensor& fake) {
  const double near = near_copy_distance(neighbour_radii(real, 1));
  return {density_coverage(real, fake).coverage,
          (neighbour_radii(fake, 1) < near).to(at::kDouble).mean().item<double>()};
}

}  // namespace obverse
