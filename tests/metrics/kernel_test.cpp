#include "obverse/metrics/kernel.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "obverse/core/error.h"
#include "obverse/io/npz.h"

namespace obverse {
namespace {

NamedTensors fixture() { return read_npz(OBVERSE_SOURCE_DIR "/tests/fixtures/metrics.npz"); }

at::Tensor draws(uint64_t seed, int64_t n, int64_t width) { return Rng(seed, "test").normal({n, width}); }

TEST(Kid, OfTwoPairsOfNumbersIsAsByHand) {
  // k(a, b) = (ab + 1)^3. x = {0, 1}: k(0, 1) = 1. y = {1, 2}: k(1, 2) = 27. Across: 1, 1, 8, 27. 1 + 27 - 2 * 37 / 4.
  const at::Tensor x = at::tensor({0.0, 1.0}, at::kDouble).view({2, 1}), y = x + 1;
  EXPECT_NEAR(unbiased_mmd(x, y, cubic_kernel()), 9.5, 1e-12);
}

TEST(Kid, AgreesWithScikitLearnOnWholeSetsAndOnSubsets) {
  const NamedTensors f = fixture();
  const auto get = [&](const char* name) { return find_tensor(f, name, "fixture"); };
  EXPECT_NEAR(unbiased_mmd(get("real"), get("fake"), cubic_kernel()) / get("mmd").item<double>(), 1, 1e-6);
  const KernelDistance kid =
      kernel_distance(get("real"), get("fake"), cubic_kernel(), get("real_rows"), get("fake_rows"));
  EXPECT_NEAR(kid.value / get("kid").item<double>(), 1, 1e-6);
  const double spread = get("kid_std").item<double>();  // 20 subsets of 100 from 500 and 400 samples
  EXPECT_NEAR(kid.standard_error / (spread * std::sqrt(1.0 / 20 + 100.0 / 400)), 1, 1e-6);
}

TEST(Mmd, OfTwoPairsOfNumbersIsAsByHand) {
  // Widths 1/4 .. 4 at distances 1 (within x and within y), 1, 2, 0, 1 (across): the mean over widths of
  // 2 e(1) - (2 e(1) + e(2) + e(0)) / 2, e(d) = exp(-d^2 / (2 s^2)).
  const at::Tensor x = at::tensor({0.0, 1.0}, at::kDouble).view({2, 1}), y = x + 1;
  double expected = 0;
  for (const double s : {0.25, 0.5, 1.0, 2.0, 4.0}) {
    const auto e = [&](double d) { return std::exp(-d * d / (2 * s * s)); };
    expected += (2 * e(1) - (2 * e(1) + e(2) + e(0)) / 2) / 5;
  }
  EXPECT_NEAR(unbiased_mmd(x, y, rbf_kernel(1)), expected, 1e-12);
}

TEST(Mmd, AgreesWithScikitLearn) {
  const NamedTensors f = fixture();
  const auto get = [&](const char* name) { return find_tensor(f, name, "fixture"); };
  const double width = median_distance(get("real"));
  EXPECT_NEAR(width / get("median_distance").item<double>(), 1, 1e-9);
  EXPECT_NEAR(unbiased_mmd(get("real"), get("fake"), rbf_kernel(width)) / get("rbf_mmd").item<double>(), 1, 1e-9);
}

TEST(Kid, IsBlindToOrderAndToWhichSideIsWhich) {
  const at::Tensor x = draws(1, 60, 5), y = draws(2, 40, 5) + 0.2;
  const double value = unbiased_mmd(x, y, cubic_kernel());
  EXPECT_NEAR(unbiased_mmd(y, x, cubic_kernel()), value, 1e-12);
  EXPECT_NEAR(unbiased_mmd(x.flip(0), y.flip(0), cubic_kernel()), value, 1e-12);
}

TEST(Kid, IsWithinItsErrorOfZeroBetweenTwoDrawsOfOneDistribution) {
  Rng rng(3, "subsets");
  const KernelDistance kid = kernel_distance(draws(1, 2000, 8), draws(2, 2000, 8), cubic_kernel(), {200, 50}, rng);
  EXPECT_LT(std::abs(kid.value), 3 * kid.standard_error);
}

TEST(Kid, RepeatsWithTheSameSeedAndTakesSmallerSubsetsOfSmallSets) {
  Rng first(5), second(5);
  const at::Tensor x = draws(1, 90, 4), y = draws(2, 50, 4);
  const KernelDistance a = kernel_distance(x, y, cubic_kernel(), {}, first),
                       b = kernel_distance(x, y, cubic_kernel(), {}, second);
  EXPECT_EQ(a.value, b.value);
  EXPECT_EQ(a.subset_size, 25);
  EXPECT_EQ(a.subsets, 100);
  EXPECT_THROW(kernel_distance(x, y.slice(0, 0, 3), cubic_kernel(), {}, first), UserError);
}

}  // namespace
}  // namespace obverse
