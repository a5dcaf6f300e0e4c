#include "obverse/metrics/bins.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "obverse/core/error.h"
#include "obverse/io/npz.h"

namespace obverse {
namespace {

TEST(KMeans, FindsClustersThatLieApart) {
  Rng rng(1);
  const at::Tensor middles = rng.normal({20, 6}) * 50, labels = at::arange(2000).remainder(20);
  const at::Tensor x = middles.index_select(0, labels) + rng.normal({2000, 6});
  const at::Tensor centres = k_means(x, 20, rng);
  EXPECT_LT(std::get<0>(at::cdist(middles, centres).min(1)).max().item<float>(), 0.5);
  EXPECT_EQ(at::bincount(nearest_centre(x, centres)).min().item<int64_t>(), 100);
  EXPECT_THROW(k_means(x.slice(0, 0, 5), 6, rng), UserError);
}

TEST(Bins, AgreeWithSciPy) {
  const NamedTensors f = read_npz(OBVERSE_SOURCE_DIR "/tests/fixtures/metrics.npz");
  const auto get = [&](const char* name) { return find_tensor(f, name, "fixture"); };
  const BinDifference found = compare_bins(get("bins_a"), get("bins_b"));
  EXPECT_DOUBLE_EQ(found.different, get("ndb").item<double>());
  EXPECT_NEAR(found.jensen_shannon, get("jsd").item<double>(), 1e-12);
}

TEST(Bins, OfOneDistributionDifferInOneOfTwentyAndOfDisjointOnesInAll) {
  Rng rng(4);
  const auto counts = [&](int64_t n) { return at::bincount(rng.integers(1000, {n}), {}, 1000); };
  EXPECT_NEAR(compare_bins(counts(200'000), counts(100'000)).different, 0.05, 0.021);  // 3 standard errors
  const at::Tensor left = at::tensor({50, 50, 0, 0}), right = at::tensor({0, 0, 70, 30});
  EXPECT_EQ(compare_bins(left, right).different, 1);
  EXPECT_NEAR(compare_bins(left, right).jensen_shannon, std::log(2.0), 1e-12);
  EXPECT_EQ(compare_bins(left, left).jensen_shannon, 0);
}

}  // namespace
}  // namespace obverse
