#include "obverse/apps/fixed_point.h"

#include <gtest/gtest.h>

#include <cmath>

namespace obverse {
namespace {

constexpr double kArgument = 1 << kArgumentBits, kActivation = 1 << kActivationBits;

double share(int64_t value) { return static_cast<double>(value) / static_cast<double>(kWholeShare); }
int64_t argument(double x) { return std::llround(x * kArgument); }

// Straight lines between steps of 1/128 are off by at most (1/128)^2 / 8 of the second derivative, which is below 0.25.
TEST(FixedPoint, FunctionsAreTheRealOnesToTwoMillionths) {
  for (double x = -12; x <= 12; x += 0.0137) {
    EXPECT_NEAR(share(integer_sigmoid(argument(x))), 1 / (1 + std::exp(-x)), 2e-6) << x;
    EXPECT_NEAR(share(integer_normal_cdf(argument(x))), 0.5 * std::erfc(-x * M_SQRT1_2), 2e-6) << x;
    const auto t = static_cast<int64_t>(std::floor(x * kActivation));
    EXPECT_NEAR(static_cast<double>(integer_tanh(t)) / kActivation, std::tanh(static_cast<double>(t) / kActivation),
                1e-4)
        << x;
    if (x > 8) continue;
    const double exact = std::exp(static_cast<double>(t) / kActivation) * (1 << 24);
    EXPECT_NEAR(static_cast<double>(integer_exp(t)), exact, 1.6 + 1e-5 * exact) << x;
  }
}

TEST(FixedPoint, SharesRiseFromNothingToTheWholeAndNeverFall) {
  for (const auto f : {integer_sigmoid, integer_normal_cdf}) {
    int64_t last = 0;
    for (int64_t t = -(int64_t{25} << kArgumentBits); t <= int64_t{25} << kArgumentBits; t += 997) {
      ASSERT_GE(f(t), last);
      last = f(t);
    }
    EXPECT_EQ(f(-(int64_t{30} << kArgumentBits)), 0);
    EXPECT_GE(f(int64_t{30} << kArgumentBits), kWholeShare - 2);
    EXPECT_EQ(f(0), kWholeShare / 2);
  }
}

TEST(FixedPoint, QuantilesInvertTheNormalDistribution) {
  for (int64_t k = 1; k < 1024; ++k) {
    const int64_t wanted = k * (kWholeShare / 1024), t = integer_normal_quantile(wanted);
    EXPECT_GE(integer_normal_cdf(t), wanted);
    EXPECT_LT(integer_normal_cdf(t - 1), wanted);
  }
  EXPECT_NEAR(static_cast<double>(integer_normal_quantile(kWholeShare / 1024 * 1023)) / kArgument, 3.0972691, 1e-3);
}

// Golden values: tables that differ from machine to machine would make files that only one of them can read.
TEST(FixedPoint, TablesAreTheSameEverywhere) {
  uint64_t hash = 1469598103934665603u;
  const auto add = [&](int64_t value) { hash = (hash ^ static_cast<uint64_t>(value)) * 1099511628211u; };
  for (int64_t i = -3072; i <= 3072; ++i) {
    add(integer_sigmoid(i * 8192));
    add(integer_normal_cdf(i * 8192));
    add(integer_exp(i * 128));
  }
  EXPECT_EQ(hash, 11835919790751497224u);
}

}  // namespace
}  // namespace obverse
