#include "obverse/losses/mmd.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "obverse/core/autograd.h"
#include "obverse/core/rng.h"
#include "tests/finite_differences.h"
#include "tests/refusal.h"

namespace obverse {
namespace {

using testing::refusal;

at::Tensor draw(Rng& rng, int64_t n, double shift = 0) { return rng.normal({n, 3}).to(at::kDouble) + shift; }

// The double sums of Gretton 2012, eq. 3, pair by pair.
TEST(Mmd, IsTheUnbiasedEstimateOfItsDefinition) {
  Rng rng(1);
  const at::Tensor x = draw(rng, 4), y = draw(rng, 4, 0.5);
  const auto k = [](const at::Tensor& a, const at::Tensor& b) {
    double sum = 0;
    for (const double s : {0.2, 0.5, 1.0, 2.0, 5.0})
      sum += std::pow(1 + (a - b).square().sum().item<double>() / (2 * s), -s);
    return sum;
  };
  double value = 0;
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j) value += (i == j ? 0 : (k(x[i], x[j]) + k(y[i], y[j])) / 12) - 2 * k(x[i], y[j]) / 16;
  EXPECT_NEAR(mmd_shares(x, y).mean().item<double>(), value, 1e-12);
}

// Unbiased: 0 on average where both are of one distribution, positive where they are not.
TEST(Mmd, IsZeroOnAverageBetweenDrawsOfOneDistribution) {
  Rng rng(2);
  double same = 0, other = 0;
  constexpr int kTrials = 300;
  for (int i = 0; i < kTrials; ++i) {
    same += mmd_shares(draw(rng, 16), draw(rng, 16)).mean().item<double>() / kTrials;
    other += mmd_shares(draw(rng, 16), draw(rng, 16, 1)).mean().item<double>() / kTrials;
  }
  EXPECT_NEAR(same, 0, 0.02);  // standard error of 300 trials: 0.006
  EXPECT_GT(other, 0.3);
}

TEST(Mmd, HasTheDerivativesOfFiniteDifferencesTwice) {
  Rng rng(3);
  const at::Tensor x = draw(rng, 3), y = draw(rng, 3, 0.5);
  expect_derivative([&](const at::Tensor& z) { return mmd_shares(z, y); }, x);
  expect_second_derivative([&](const at::Tensor& z) { return mmd_shares(z, y); }, x);
  expect_second_derivative([&](const at::Tensor& z) { return mmd_witness(z, x, y); }, draw(rng, 2));
}

TEST(Mmd, RefusesABatchOfOne) {
  const at::Tensor one = at::zeros({1, 3});
  EXPECT_NE(refusal([&] { mmd_shares(one, one); }).find("train.batch"), std::string::npos);
}

// MMD^2 with all pairs is the witness's mean on real less its mean on generated samples.
TEST(Mmd, IsTheDifferenceOfItsWitness) {
  Rng rng(4);
  const at::Tensor x = draw(rng, 5), y = draw(rng, 5, 1);
  const double biased = (rational_quadratic_kernel(x, x).mean() + rational_quadratic_kernel(y, y).mean() -
                         2 * rational_quadratic_kernel(x, y).mean())
                            .item<double>();
  const double difference = (mmd_witness(x, x, y).mean() - mmd_witness(y, x, y).mean()).item<double>();
  EXPECT_NEAR(difference, biased, 1e-12);
}

}  // namespace
}  // namespace obverse
