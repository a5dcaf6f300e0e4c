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
  EXPECT_NEAR(polynomial_mmd(x, y), 9.5, 1e-12);
}

TEST(Kid, AgreesWithScikitLearnOnWholeSetsAndOnSubsets) {
  const NamedTensors f = fixture();
  const auto get = [&](const char* name) { return find_tensor(f, name, "fixture"); };
  EXPECT_NEAR(polynomial_mmd(get("real"), get("fake")) / get("mmd").item<double>(), 1, 1e-6);
  const KernelDistance kid = kernel_distance(get("real"), get("fake"), get("real_rows"), get("fake_rows"));
  EXPECT_NEAR(kid.value / get("kid").item<double>(), 1, 1e-6);
  const double spread = get("kid_std").item<double>();  // 20 subsets of 100 from 500 and 400 samples
  EXPECT_NEAR(kid.standard_error / (spread * std::sqrt(1.0 / 20 + 100.0 / 400)), 1, 1e-6);
}

TEST(Kid, IsBlindToOrderAndToWhichSideIsWhich) {
  const at::Tensor x = draws(1, 60, 5), y = draws(2, 40, 5) + 0.2;
  const double value = polynomial_mmd(x, y);
  EXPECT_NEAR(polynomial_mmd(y, x), value, 1e-12);
  EXPECT_NEAR(polynomial_mmd(x.flip(0), y.flip(0)), value, 1e-12);
}

TEST(Kid, IsWithinItsErrorOfZeroBetweenTwoDrawsOfOneDistribution) {
  Rng rng(3, "subsets");
  const KernelDistance kid = kernel_distance(draws(1, 2000, 8), draws(2, 2000, 8), {200, 50}, rng);
  EXPECT_LT(std::abs(kid.value), 3 * kid.standard_error);
}

TEST(Kid, RepeatsWithTheSameSeedAndTakesSmallerSubsetsOfSmallSets) {
  Rng first(5), second(5);
  const at::Tensor x = draws(1, 90, 4), y = draws(2, 50, 4);
  const KernelDistance a = kernel_distance(x, y, {}, first), b = kernel_distance(x, y, {}, second);
  EXPECT_EQ(a.value, b.value);
  EXPECT_EQ(a.subset_size, 25);
  EXPECT_EQ(a.subsets, 100);
  EXPECT_THROW(kernel_distance(x, y.slice(0, 0, 3), {}, first), UserError);
}

}  // namespace
}  // namespace obverse
