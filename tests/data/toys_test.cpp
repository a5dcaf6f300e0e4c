#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "obverse/data/dataset.h"
#include "tests/io/refused.h"

namespace obverse {
namespace {

Dataset toy(const std::string& name, const std::string& split = "train") {
  DataOptions options;
  options.source = name;
  return load_dataset(options, split);
}

TEST(Mixtures, HaveTheirPublishedMeans) {
  const Mixture ring = mixture_of("ring"), grid = mixture_of("grid");
  EXPECT_EQ(ring.means.sizes(), (at::IntArrayRef{8, 2}));
  EXPECT_EQ(ring.std, 0.01);
  EXPECT_TRUE(at::allclose(ring.means.norm(2, 1), at::ones({8}, at::kDouble), 0, 1e-15));
  EXPECT_NEAR(ring.means[1][0].item<double>(), std::sqrt(0.5), 1e-15);
  EXPECT_EQ(grid.means.sizes(), (at::IntArrayRef{25, 2}));
  EXPECT_EQ(grid.std, 0.05);
  EXPECT_TRUE(at::equal(grid.means[0], at::tensor({-4.0, -4.0}, at::kDouble)));
  EXPECT_TRUE(at::equal(grid.means[24], at::tensor({4.0, 4.0}, at::kDouble)));
  EXPECT_EQ(grid.means.abs().sum().item<double>(), 2 * 5 * (4 + 2 + 0 + 2 + 4));
  EXPECT_THAT(testing::refusal([] { mixture_of("swiss-roll"); }), ::testing::HasSubstr("known: ring, grid"));
}

class MixtureTest : public ::testing::TestWithParam<const char*> {};

TEST_P(MixtureTest, PointsAreEquallySharedGaussiansOfTheirStd) {
  const Mixture mixture = mixture_of(GetParam());
  const Dataset data = toy(GetParam());
  ASSERT_EQ(data.samples.sizes(), (at::IntArrayRef{100'000, 2}));
  EXPECT_FALSE(data.labels.defined());
  const int64_t modes = mixture.means.size(0);
  const at::Tensor x = data.samples.to(at::kDouble);
  const at::Tensor mode = at::cdist(x, mixture.means).argmin(1);
  const at::Tensor offset = (x - mixture.means.index_select(0, mode)) / mixture.std;  // standard normal
  const double share = 1e5 / static_cast<double>(modes);
  EXPECT_LT((mode.bincount({}, modes).to(at::kDouble) - share).abs().max().item<double>(), 5 * std::sqrt(share));
  const double error = 5 / std::sqrt(1e5);  // of a mean of 100,000, five deviations
  EXPECT_LT(offset.mean(0).abs().max().item<double>(), error);
  EXPECT_LT((offset.pow(2).mean(0) - 1).abs().max().item<double>(), std::sqrt(2) * error);
  EXPECT_LT((offset.pow(4).mean(0) - 3).abs().max().item<double>(), std::sqrt(96) * error);
  EXPECT_LT((offset.select(1, 0) * offset.select(1, 1)).mean().abs().item<double>(), error);
  const double within = offset.norm(2, 1).le(3).to(at::kDouble).mean().item<double>();
  EXPECT_NEAR(within, 1 - std::exp(-4.5), error);  // the ideal high-quality share
}

INSTANTIATE_TEST_SUITE_P(Mixtures, MixtureTest, ::testing::Values("ring", "grid"),
                         [](const auto& test) { return std::string(test.param); });

TEST(SwissRoll, LiesOnItsSpiralButForTheNoise) {
  const at::Tensor x = toy("swiss-roll").samples.to(at::kDouble) * 5;
  const at::Tensor radius = x.norm(2, 1);
  // Without noise r = t and the angle is t; r^2 = t^2 + 2 t e + |e|^2, with E t^2 = (4.5^3 - 1.5^3) pi^2 / 9 and E|e|^2
  // = 2.
  const double squares = (std::pow(4.5, 3) - std::pow(1.5, 3)) / 9 * M_PI * M_PI;
  EXPECT_NEAR(radius.pow(2).mean().item<double>(), squares + 2, 5 * 60 / std::sqrt(1e5));
  // Across the spiral the noise is that of one axis: the distance to the nearest arm, 2 pi apart, has a deviation
  // below 1.
  const at::Tensor angle = at::atan2(x.select(1, 1), x.select(1, 0));
  const at::Tensor across = (radius - angle) - ((radius - angle) / (2 * M_PI)).round() * (2 * M_PI);
  EXPECT_LT(across.mean().abs().item<double>(), 0.1);
  EXPECT_NEAR(across.pow(2).mean().sqrt().item<double>(), 1, 0.1);
  EXPECT_LT(radius.max().item<double>(), 4.5 * M_PI + 6);
}

TEST(Toys, AreTheSamePointsEveryTimeAndOthersForTheTest) {
  for (const char* name : {"ring", "grid", "swiss-roll"}) {
    EXPECT_EQ(toy(name).hash(), toy(name).hash());
    const Dataset test = toy(name, "test");
    EXPECT_EQ(test.size(), 10'000);
    EXPECT_FALSE(at::equal(test.samples, toy(name).samples.slice(0, 0, 10'000)));
    EXPECT_EQ(test.domain.text(), "points in 2 dimensions");
  }
  EXPECT_FALSE(at::equal(toy("ring").samples, toy("grid").samples));
}

}  // namespace
}  // namespace obverse
