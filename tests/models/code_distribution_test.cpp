#include "obverse/models/code_distribution.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "obverse/core/table.h"
#include "obverse/models/prior.h"
#include "tests/finite_differences.h"

namespace obverse {
namespace {

// KL(N(m, s^2) || N(0, 1)) = (m^2 + s^2 - 1) / 2 - log s: (1, 1): 0.5; (0, 2): 1.5 - log 2.
TEST(CodeDistribution, DivergenceFromTheNormalByHand) {
  const CodeDistribution q{at::tensor({1.0, 0.0}, at::kDouble).view({1, 2}),
                           at::tensor({0.0, std::log(2)}, at::kDouble).view({1, 2})};
  const at::Tensor kl = q.kl_to_normal();
  EXPECT_NEAR(kl[0][0].item<double>(), 0.5, 1e-12);
  EXPECT_NEAR(kl[0][1].item<double>(), 1.5 - std::log(2), 1e-12);
}

TEST(CodeDistribution, DivergenceIsTheMeanDifferenceOfLogDensities) {
  Rng rng(1);
  const CodeDistribution one{rng.normal({1, 3}).to(at::kDouble), (0.3 * rng.normal({1, 3})).to(at::kDouble)};
  const CodeDistribution q{one.mean.repeat({200000, 1}), one.log_std.repeat({200000, 1})};
  const at::Tensor z = q.sample(rng);
  const at::Tensor difference = q.log_prob(z) - standard_normal_log_prob(z);
  const double error = 4 * difference.std().item<double>() / std::sqrt(200000);
  EXPECT_NEAR(difference.mean().item<double>(), one.kl_to_normal().sum().item<double>(), error);
}

TEST(CodeDistribution, SamplesFollowMeanAndSpreadAndCarryTheirDerivatives) {
  const auto sample = [](const at::Tensor& output) {
    Rng rng(3);
    return gaussian_codes(output).sample(rng);
  };
  expect_derivative(sample, at::tensor({0.5, -1.0, 0.2, -0.4}, at::kDouble).view({1, 4}));
  Rng rng(4);
  const CodeDistribution certain{at::ones({2, 3}), {}};
  EXPECT_TRUE(at::equal(certain.sample(rng), at::ones({2, 3})));
}

TEST(Priors, DrawsFromNormalNumbersHaveTheirMomentsAndStayInBounds) {
  const at::Tensor n = Rng(5).normal({100000}).to(at::kDouble);
  const auto& uniform = find_row(prior_table(), "prior", "uniform");
  const at::Tensor u = uniform.from_normal(n);
  EXPECT_NEAR(u.mean().item<double>(), 0, 0.01);
  EXPECT_NEAR(u.var().item<double>(), 1.0 / 3, 0.01);
  EXPECT_NEAR((u < -0.5).to(at::kDouble).mean().item<double>(), 0.25, 0.01);
  EXPECT_LE(u.abs().max().item<double>(), uniform.bound);
  EXPECT_LE(uniform.confine(10 * n).abs().max().item<double>(), uniform.bound);
  EXPECT_TRUE(at::equal(find_row(prior_table(), "prior", "normal").from_normal(n), n));
}

}  // namespace
}  // namespace obverse
