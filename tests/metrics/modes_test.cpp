#include "obverse/metrics/modes.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "obverse/core/error.h"
#include "obverse/metrics/classes.h"

namespace obverse {
namespace {

// Two modes at 0 and 10 on the first axis, std 1.
Mixture two_modes() { return {at::tensor({0.0, 0.0, 10.0, 0.0}, at::kDouble).view({2, 2}), 1}; }

TEST(KlToUniform, IsAsByHand) {
  EXPECT_NEAR(kl_to_uniform(at::tensor({5, 5}, at::kLong)), 0, 1e-15);
  EXPECT_NEAR(kl_to_uniform(at::tensor({4, 0}, at::kLong)), std::log(2.0), 1e-15);
  EXPECT_NEAR(kl_to_uniform(at::tensor({3, 1}, at::kLong)), 0.75 * std::log(1.5) + 0.25 * std::log(0.5), 1e-15);
  EXPECT_NEAR(kl_to_uniform(at::tensor({0, 0, 0}, at::kLong)), std::log(3.0), 1e-15);
}

TEST(MixtureModes, OfPointsPlacedByHandAreAsByHand) {
  // Three about the first mode (at distance 0, 1 and just below 3), one about the second, one lost between, one just
  // beyond 3.
  const at::Tensor x = at::tensor({0.0, 0.0, 1.0, 0.0, 0.0, 2.99, 10.0, 1.0, 5.1, 0.0, 13.01, 0.0}).view({6, 2});
  const MixtureModes m = mixture_modes(x, two_modes());
  EXPECT_EQ(m.modes, 2);
  EXPECT_EQ(m.captured, 2);
  EXPECT_DOUBLE_EQ(m.high_quality, 4.0 / 6);
  EXPECT_NEAR(m.reverse_kl, 0.75 * std::log(1.5) + 0.25 * std::log(0.5), 1e-12);
  EXPECT_TRUE(at::equal(m.counts, at::tensor({3, 1}, at::kLong)));
  // Variances of (0, 1, 0) and (0, 0, 2.99): 1/3 and 2.99^2 / 3.
  EXPECT_NEAR(m.stds[0].item<double>(), std::sqrt((1 + 2.99 * 2.99) / 6), 1e-6);
  EXPECT_TRUE(std::isnan(m.stds[1].item<double>()));
}

TEST(MixtureModes, AModeWithoutGoodSamplesIsNotCaptured) {
  const MixtureModes m = mixture_modes(at::tensor({0.1, 0.1, 0.0, 0.1, 6.0, 0.0}).view({3, 2}), two_modes());
  EXPECT_EQ(m.captured, 1);
  EXPECT_NEAR(m.reverse_kl, std::log(2.0), 1e-12);
}

TEST(MixtureModes, OfTheMixtureItselfReadTheIdealValues) {
  const Mixture mixture = two_modes();
  Rng rng(1, "test");
  const at::Tensor x = mixture.means.index_select(0, rng.integers(2, {200'000})) + rng.normal({200'000, 2});
  const MixtureModes m = mixture_modes(x, mixture);
  EXPECT_NEAR(m.high_quality, 1 - std::exp(-4.5), 2e-3);
  // Within r < 3: E[r^2] / 2 = (1 - 5.5 e^-4.5) / (1 - e^-4.5).
  EXPECT_NEAR(m.stds[0].item<double>(), std::sqrt((1 - 5.5 * std::exp(-4.5)) / (1 - std::exp(-4.5))), 1e-2);
  EXPECT_LT(m.reverse_kl, 1e-4);
}

TEST(MixtureModes, RefuseSamplesOfOtherDimension) {
  EXPECT_THROW(mixture_modes(at::zeros({5, 3}), two_modes()), UserError);
  EXPECT_THROW(mixture_modes(at::zeros({0, 2}), two_modes()), UserError);
}

TEST(StackedModes, CountTriplesOfDigits) {
  const at::Tensor digits = at::tensor({0, 0, 0, 0, 0, 0, 9, 9, 9, 1, 2, 3}, at::kLong).view({4, 3});
  const ClassModes m = stacked_modes(digits);
  EXPECT_EQ(m.modes, 1000);
  EXPECT_EQ(m.captured, 3);
  EXPECT_NEAR(m.kl, std::log(1000.0) + 0.5 * std::log(0.5) + 0.5 * std::log(0.25), 1e-12);
}

TEST(StackedModes, OfAPerfectGeneratorAreAtTheCountingFloor) {
  const ClassModes m = stacked_modes(Rng(1, "test").integers(10, {26'000, 3}));
  EXPECT_EQ(m.captured, 1000);
  EXPECT_NEAR(m.kl, 999.0 / 52'000, 2e-3);
}

TEST(ClassShares, CountLikeliestClassesAndConfidentOnes) {
  // Probabilities of the first class: 1, 0.9 exactly to rounding above, 0.5, 0.2.
  const at::Tensor p = at::tensor({1.0, 0.9001, 0.5001, 0.2}, at::kDouble);
  const ClassShares c = class_shares(at::stack({p.log(), (1 - p).log()}, 1).clamp_min(-100));
  EXPECT_TRUE(at::allclose(c.shares, at::tensor({0.75, 0.25}, at::kDouble)));
  EXPECT_DOUBLE_EQ(c.confident, 0.5);
}

}  // namespace
}  // namespace obverse
