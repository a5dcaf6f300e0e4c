#include "obverse/metrics/memorisation.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "obverse/io/npz.h"

namespace obverse {
namespace {

at::Tensor draws(uint64_t seed, int64_t n, int64_t width) { return Rng(seed, "test").normal({n, width}); }

TEST(Memorisation, AgreesWithScikitLearnAndSciPy) {
  const NamedTensors f = read_npz(OBVERSE_SOURCE_DIR "/tests/fixtures/metrics.npz");
  const auto get = [&](const char* name) { return find_tensor(f, name, "fixture"); };
  EXPECT_DOUBLE_EQ(memorisation(get("real"), get("fake")).authenticity, get("authenticity").item<double>());
  const auto rounded = [&](const char* name) { return (get(name).select(1, 0) * 10).round() / 10; };  // with ties
  EXPECT_NEAR(mann_whitney_z(rounded("real"), rounded("fake")), get("rank_z").item<double>(), 1e-9);
}

TEST(Memorisation, OfFreshDataIsHalfAuthenticAndOfCopiesNotAtAll) {
  const at::Tensor train = draws(1, 2000, 6), fresh = draws(2, 2000, 6);
  const Memorisation m = memorisation(train, fresh);
  EXPECT_NEAR(m.authenticity, 0.5, 0.06);
  EXPECT_LT(m.copies, 0.03);
  EXPECT_LT(m.duplicates, 0.03);
  EXPECT_NEAR(m.nearest_ratio, 1, 0.05);
  const at::Tensor copies = train.slice(0, 0, 500) + 1e-4 * draws(3, 500, 6);
  EXPECT_EQ(memorisation(train, copies).authenticity, 0);
  EXPECT_EQ(memorisation(train, copies).copies, 1);
  EXPECT_LT(memorisation(train, copies).duplicates, 0.03);  // each of another sample
}

TEST(CopyingScore, IsNearZeroForFreshDataBelowForCopiesAndAboveForBlurredData) {
  const at::Tensor train = draws(1, 3000, 4), test = draws(2, 1000, 4), fresh = draws(3, 1000, 4);
  const auto score = [&](const at::Tensor& fake) {
    Rng rng(5);
    return copying_score(train, test, fake, 5, rng);
  };
  EXPECT_NEAR(score(fresh), 0, 1.5);  // a mean of five z-scores: standard deviation about 0.45
  EXPECT_LT(score(train.slice(0, 0, 1000) + 0.02 * draws(4, 1000, 4)), -3);
  EXPECT_GT(score(fresh * 1.5), 3);
  EXPECT_TRUE(std::isnan(score(fresh.slice(0, 0, 10))));
}

}  // namespace
}  // namespace obverse
