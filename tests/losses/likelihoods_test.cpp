#include "obverse/losses/likelihoods.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "obverse/core/table.h"
#include "tests/finite_differences.h"

namespace obverse {
namespace {

at::Tensor numbers(std::vector<double> values) { return at::tensor(values, at::kDouble).unsqueeze(0); }

const LikelihoodRow& row(const char* name) { return find_row(likelihood_table(), "likelihood", name); }

at::Tensor scalar(double value) { return at::full({}, value, at::kDouble); }

// Two numbers, errors 1 and -2, standard deviation 2: -(1 + 4) / 8 - 2 log 2 - log(2 pi) = -0.625 - 1.386294 - 1.837877
TEST(Likelihoods, GaussianByHand) {
  const at::Tensor value = row("gaussian").log_prob(numbers({1, 0}), numbers({0, 2}), scalar(std::log(2)), 0);
  EXPECT_NEAR(value.item<double>(), -3.849171, 1e-6);
}

// On with logit 0, off with logit log 3: log 1/2 + log 1/4; a pixel half way, logit 2: 1 - softplus(2) = 1 - 2.126928.
TEST(Likelihoods, BernoulliByHand) {
  const at::Tensor x = numbers({1, -1, 0}), logits = numbers({0, std::log(3), 2});
  EXPECT_NEAR(row("bernoulli").log_prob(x, logits, {}, 256).item<double>(), -0.693147 - 1.386294 - 1.126928, 1e-6);
}

// Three levels -1, 0, 1, intervals of half width 1/2, mean 0.5, scale 0.25: with s = sigmoid, s(-4), s(0) - s(-4),
// 1 - s(0) = 0.017986, 0.482014, 0.5.
TEST(Likelihoods, DiscretisedLogisticByHand) {
  const double expected[] = {0.017986, 0.482014, 0.5};
  for (int i = 0; i < 3; ++i) {
    const at::Tensor value =
        row("discretised-logistic").log_prob(numbers({i - 1.0}), numbers({0.5}), scalar(std::log(0.25)), 3);
    EXPECT_NEAR(std::exp(value.item<double>()), expected[i], 1e-6);
  }
}

TEST(Likelihoods, DiscretisedLogisticSumsToOneOverAllLevelsHoweverNarrow) {
  const at::Tensor x = (at::arange(256, at::kDouble) / 127.5 - 1).unsqueeze(1);
  for (const double log_scale : {-8.0, -4.0, 0.0, 2.0})
    for (const double mean : {-1.3, -0.4, 0.02, 0.99}) {
      const at::Tensor value = row("discretised-logistic").log_prob(x, at::full_like(x, mean), scalar(log_scale), 256);
      EXPECT_NEAR(value.exp().sum().item<double>(), 1, 1e-9) << log_scale << " " << mean;
    }
}

TEST(Likelihoods, DiscretisedLogisticIsFiniteInFloat32FarFromTheMean) {
  const at::Tensor x = at::tensor({0.2, -1.0, 1.0}, at::kFloat).unsqueeze(1);
  const at::Tensor value =
      row("discretised-logistic").log_prob(x, at::full_like(x, 0.9), at::full({}, -6, at::kFloat), 256);
  EXPECT_TRUE(at::isfinite(value).all().item<bool>());
}

TEST(Likelihoods, DerivativesAgreeWithFiniteDifferences) {
  const at::Tensor x = numbers({-1, -0.2, 0.4, 1}), output = numbers({-0.7, 0.1, 0.3, 0.6});
  for (const LikelihoodRow& each : likelihood_table()) {
    SCOPED_TRACE(each.name);
    expect_derivative([&](const at::Tensor& o) { return each.log_prob(x, o, scalar(-0.5), 256); }, output);
    if (each.has_scale)
      expect_derivative([&](const at::Tensor& s) { return each.log_prob(x, output, s, 256); }, scalar(-0.5));
  }
}

TEST(Likelihoods, LogMeanExpIsThatOfEachColumn) {
  const at::Tensor weights = at::tensor({0.0, 1000.0, std::log(3.0), 1000.0}, at::kDouble).view({2, 2});
  const at::Tensor bound = log_mean_exp(weights);
  EXPECT_NEAR(bound[0].item<double>(), std::log(2), 1e-12);
  EXPECT_NEAR(bound[1].item<double>(), 1000, 1e-9);
}

// Codes 1, 5, 1, 5: mean 3, variance 4: (9 + 4 - 1 - log 4) / 2. Codes 0, 0, 1, -1: mean 0, variance 1/2.
TEST(Likelihoods, MomentDivergenceByHand) {
  const at::Tensor codes = at::tensor({1.0, 0.0, 5.0, 0.0, 1.0, 1.0, 5.0, -1.0}, at::kDouble).view({4, 2});
  const at::Tensor found = moment_divergence(codes);
  EXPECT_NEAR(found[0].item<double>(), (12 - std::log(4.0)) / 2, 1e-12);
  EXPECT_NEAR(found[1].item<double>(), (0.5 - 1 - std::log(0.5)) / 2, 1e-12);
}

}  // namespace
}  // namespace obverse
