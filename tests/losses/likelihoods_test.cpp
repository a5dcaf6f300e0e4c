#include "obverse/losses/likelihoods.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "obverse/core/rng.h"
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

// Levels -1, 0, 1 and two components, weights 1/4 and 3/4, means -1 + 0.5 and 1 - 0.5, both of scale 0.25. The first
// gives 0.5, 0.482014, 0.017986 (above, mirrored), the second 0.017986, 0.482014, 0.5.
TEST(Likelihoods, LogisticMixtureByHand) {
  const double log_scale = std::log(0.25) - kMixtureFirstLogScale;
  const at::Tensor output =
      at::tensor({0.0, std::log(3.0), 0.5, -0.5, log_scale, log_scale}, at::kDouble).view({1, 6, 1, 1});
  const double expected[] = {0.25 * 0.5 + 0.75 * 0.017986, 0.482014, 0.25 * 0.017986 + 0.75 * 0.5};
  for (int i = 0; i < 3; ++i) {
    const at::Tensor x = at::full({1, 1, 1, 1}, i - 1.0, at::kDouble);
    EXPECT_NEAR(std::exp(row("logistic-mixture").log_prob(x, output, {}, 3).item<double>()), expected[i], 1e-6);
  }
  EXPECT_NEAR(logistic_mixture_mean(output, 1).item<double>(), 0.25 * -0.5 + 0.75 * 0.5, 1e-12);
}

TEST(Likelihoods, LogisticMixtureSumsToOneOverAllLevels) {
  Rng rng(5);
  const at::Tensor output = 3 * rng.normal({1, 12, 1, 1}).to(at::kDouble);
  const at::Tensor x = (at::arange(256, at::kDouble) / 127.5 - 1).view({256, 1, 1, 1});
  const at::Tensor value = row("logistic-mixture").log_prob(x, output.expand({256, -1, -1, -1}), {}, 256);
  EXPECT_NEAR(value.exp().sum().item<double>(), 1, 1e-9);
}

TEST(Likelihoods, LogisticMixtureHasTwoChannelsMixedEachOnItsOwn) {
  Rng rng(6);
  const at::Tensor output = rng.normal({3, 18, 2, 2}).to(at::kDouble), x = rng.uniform({3, 2, 2, 2}).to(at::kDouble);
  const auto part = [&](int64_t c) {
    return row("logistic-mixture").log_prob(x.slice(1, c, c + 1), output.slice(1, 9 * c, 9 * c + 9), {}, 256);
  };
  EXPECT_TRUE(at::allclose(row("logistic-mixture").log_prob(x, output, {}, 256), part(0) + part(1)));
}

TEST(Likelihoods, DerivativesAgreeWithFiniteDifferences) {
  for (const LikelihoodRow& each : likelihood_table()) {
    at::Tensor x = numbers({-1, -0.2, 0.4, 1}), output = numbers({-0.7, 0.1, 0.3, 0.6});
    if (each.mixes) x = x.slice(1, 0, 2).view({1, 1, 1, 2}), output = output.repeat({1, 3}).view({1, 6, 1, 2});
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
