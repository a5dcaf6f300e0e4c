#include "obverse/metrics/neighbours.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "obverse/core/error.h"
#include "obverse/core/rng.h"
#include "obverse/io/npz.h"

namespace obverse {
namespace {

at::Tensor line(std::initializer_list<double> values) {
  return at::tensor(std::vector<double>(values), at::kDouble).view({-1, 1});
}

at::Tensor draws(uint64_t seed, int64_t n, int64_t width) { return Rng(seed, "test").normal({n, width}); }

TEST(Neighbours, RadiiReachToTheKthOtherSample) {
  const at::Tensor x = line({0, 1, 3, 7});
  EXPECT_TRUE(at::allclose(neighbour_radii(x, 1).view({-1, 1}), line({1, 1, 2, 4})));
  EXPECT_TRUE(at::allclose(neighbour_radii(x, 2).view({-1, 1}), line({3, 2, 3, 6})));
  EXPECT_THROW(neighbour_radii(x, 4), UserError);
}

TEST(PrecisionRecall, OnALineIsAsByHand) {
  // k = 1. Real balls: 0 and 1 reach [-1, 2], 10 reaches 9 far, [1, 19]; generated: 0.5 and 2.5 reach 2, 30
  // reaches 27.5.
  const auto pr = precision_recall(line({0, 1, 10}), line({0.5, 2.5, 30}), 1);
  EXPECT_DOUBLE_EQ(pr.precision, 2.0 / 3);  // 30 is outside
  EXPECT_DOUBLE_EQ(pr.recall, 3.0 / 3);     // 0 and 1 near 0.5, 10 within 27.5 of 30
}

TEST(DensityCoverage, OnALineIsAsByHand) {
  // k = 1, real radii 1, 1, 9. 0.5 lies in the balls of 0 and 1; 2.5 in that of 10; 30 in none.
  const auto dc = density_coverage(line({0, 1, 10}), line({0.5, 2.5, 30}), 1);
  EXPECT_DOUBLE_EQ(dc.density, 3.0 / 3);
  EXPECT_DOUBLE_EQ(dc.coverage, 1);
  EXPECT_DOUBLE_EQ(density_coverage(line({0, 1, 10}), line({0.5, 30, 31}), 1).coverage, 2.0 / 3);
}

TEST(Neighbours, AgreeExactlyWithScikitLearn) {
  const NamedTensors f = read_npz(OBVERSE_SOURCE_DIR "/tests/fixtures/metrics.npz");
  const auto get = [&](const char* name) { return find_tensor(f, name, "fixture"); };
  const auto pr = precision_recall(get("real"), get("fake"));
  const auto dc = density_coverage(get("real"), get("fake"));
  EXPECT_DOUBLE_EQ(pr.precision, get("pr")[0].item<double>());
  EXPECT_DOUBLE_EQ(pr.recall, get("pr")[1].item<double>());
  EXPECT_DOUBLE_EQ(dc.density, get("dc")[0].item<double>());
  EXPECT_DOUBLE_EQ(dc.coverage, get("dc")[1].item<double>());
}

TEST(Neighbours, OfASetWithItselfAreOneAndOrderDoesNotMatter) {
  const at::Tensor x = draws(1, 200, 5), y = draws(2, 150, 5);
  EXPECT_EQ(precision_recall(x, x).precision, 1);
  EXPECT_EQ(precision_recall(x, x).recall, 1);
  EXPECT_EQ(density_coverage(x, x).coverage, 1);
  EXPECT_EQ(precision_recall(x.flip(0), y.flip(0)).recall, precision_recall(x, y).recall);
  EXPECT_EQ(density_coverage(x.flip(0), y.flip(0)).density, density_coverage(x, y).density);
  EXPECT_EQ(precision_recall(x, y).precision, precision_recall(y, x).recall);
}

TEST(Neighbours, OfDistantSetsAreZero) {
  const at::Tensor x = draws(1, 100, 5), y = draws(2, 100, 5) + 1000;
  EXPECT_EQ(precision_recall(x, y).precision, 0);
  EXPECT_EQ(density_coverage(x, y).density, 0);
  EXPECT_EQ(density_coverage(x, y).coverage, 0);
}

TEST(Diversity, OfFreshDrawsIsFullAndHardlyRepeatsItself) {
  const Diversity fresh = diversity(draws(1, 1000, 8), draws(2, 1000, 8));
  EXPECT_GT(fresh.coverage, 0.93);
  EXPECT_LT(fresh.duplicate_rate, 0.03);
}

TEST(Diversity, SeesDroppedModesAndCopies) {
  const at::Tensor real = draws(1, 1000, 8), fresh = draws(2, 1000, 8);
  const at::Tensor quarter = fresh.clone();
  quarter.slice(1, 0, 2).abs_();
  EXPECT_LT(diversity(real, quarter).coverage, 0.7);
  const at::Tensor copies = fresh.slice(0, 0, 20).repeat({50, 1}) + 1e-3 * draws(3, 1000, 8);
  EXPECT_GT(diversity(real, copies).duplicate_rate, 0.95);
}

}  // namespace
}  // namespace obverse
