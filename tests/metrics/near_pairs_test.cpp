#include "obverse/metrics/near_pairs.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "obverse/core/engine.h"
#include "obverse/core/error.h"
#include "obverse/core/rng.h"
#include "obverse/metrics/neighbours.h"

namespace obverse {
namespace {

at::Tensor draws(uint64_t seed, int64_t n, int64_t width) { return Rng(seed, "test").normal({n, width}); }

at::Tensor all_distances(const at::Tensor& x, const at::Tensor& y) {
  return at::cdist(x.to(at::kDouble), y.to(at::kDouble), 2, /*compute_mode: differences, no products*/ 2).square();
}

// Sets that are hard in ways of their own.
std::vector<std::pair<at::Tensor, at::Tensor>> hard_sets() {
  const at::Tensor x = draws(1, 200, 300), y = draws(2, 2100, 300);
  const at::Tensor scale = (draws(3, 200, 1) * 2).exp(), far = x * 0.01 + 100;
  const at::Tensor copies = y.slice(0, 0, 3).repeat({400, 1});
  return {{x, y},
          {x * scale, y},
          {far, y * 0.01 + 100},
          {copies.slice(0, 0, 200), copies},
          {at::relu(x), at::relu(y)},
          {x.slice(1, 0, 1), y.slice(1, 0, 1)},
          {x.to(at::kDouble), y}};
}

std::vector<NearPairs::Pass> passes() {
  if (processor_has_tiles()) return {NearPairs::Pass::float32, NearPairs::Pass::bfloat16};
  return {NearPairs::Pass::float32};
}

TEST(NearPairs, BoundsHoldForEveryPairAndNoneWithinTheLimitsIsMissed) {
  for (const auto& [x, y] : hard_sets())
    for (const NearPairs::Pass pass : passes()) {
      const NearPairs pairs(x, y, pass);
      const at::Tensor squares = all_distances(x, y);
      const auto* square = squares.data_ptr<double>();
      const double quantile = std::get<0>(squares.slice(0, 0, 20).flatten().sort())[20 * 25].item<double>();
      std::vector<float> row_limits(static_cast<size_t>(x.size(0)), NearPairs::limit(quantile));
      std::vector<float> column_limits(static_cast<size_t>(y.size(0)), -1);
      column_limits[7] = std::numeric_limits<float>::infinity();
      std::vector<std::set<int64_t>> seen(static_cast<size_t>(x.size(0)));
      pairs.run(row_limits, column_limits, [&](const NearPairs::Pair& pair) {
        const double d = square[pair.i * y.size(0) + pair.j];
        const double tiny = 1e-12 * (1 + d);  // of float64's own sums
        EXPECT_LE(pair.low, d + tiny);
        EXPECT_GE(pair.high, d - tiny);
        EXPECT_NEAR(pairs.exact(pair.i, pair.j), d, 1e-9 * d);
        EXPECT_TRUE(seen[static_cast<size_t>(pair.i)].insert(pair.j).second);
      });
      for (int64_t i = 0; i < x.size(0); ++i)
        for (int64_t j = 0; j < y.size(0); ++j) {
          const bool wanted = square[i * y.size(0) + j] <= quantile || j == 7;
          if (wanted && !seen[static_cast<size_t>(i)].count(j)) ADD_FAILURE() << i << " " << j;
        }
    }
}

TEST(NearPairs, GiveTheNeighboursOfExactArithmetic) {
  for (const auto& [x, y] : hard_sets()) {
    const at::Tensor squares = all_distances(x, y);
    const Nearest nearest = nearest_rows(x, y);
    EXPECT_TRUE(at::allclose(nearest.distance, std::get<0>(squares.min(1)).sqrt(), 1e-9, 1e-12));
    const at::Tensor own = all_distances(y, y);
    own.fill_diagonal_(INFINITY);
    const at::Tensor third = std::get<0>(own.topk(3, 1, /*largest=*/false)).select(1, 2).sqrt();
    EXPECT_TRUE(at::allclose(neighbour_radii(y, 3), third, 1e-9, 1e-12));
  }
}

TEST(NearPairs, TakeTheFastPassOnlyWhereItRulesOutNearlyAllPairs) {
  if (!processor_has_tiles()) GTEST_SKIP() << "no matrix units";
  const at::Tensor x = draws(1, 2000, 512);
  EXPECT_TRUE(NearPairs(x, x).uses_bfloat16());
  const at::Tensor narrow = draws(2, 2000, 1).mm(draws(3, 1, 512));  // a line in 512 dimensions
  EXPECT_FALSE(NearPairs(narrow, narrow).uses_bfloat16());
  EXPECT_FALSE(NearPairs(x.slice(1, 0, 64), x.slice(1, 0, 64)).uses_bfloat16());
}

TEST(NearPairs, RefuseUnlikeWidthsAndValuesThatAreNotFinite) {
  EXPECT_THROW(NearPairs(draws(1, 4, 3), draws(1, 4, 2)), UserError);
  const at::Tensor x = draws(1, 4, 3), broken = x.clone();
  broken[2][1] = NAN;
  EXPECT_THROW(NearPairs(x, broken), UserError);
}

}  // namespace
}  // namespace obverse
