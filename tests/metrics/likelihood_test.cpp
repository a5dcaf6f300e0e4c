#include "obverse/metrics/likelihood.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "obverse/core/error.h"

namespace obverse {
namespace {

// x = W z + b + noise: its evidence is a Gaussian with covariance W W^T + sigma^2.
struct LinearGaussian {
  at::Tensor weight, bias;  // [Z, D], [D]
  Observation observation;

  LinearGaussian(int64_t latents, int64_t width, double sigma) {
    Rng rng(9, "linear decoder");
    weight = rng.normal({latents, width}).to(at::kDouble) / std::sqrt(static_cast<double>(latents));
    bias = rng.normal({width}).to(at::kDouble);
    observation.sigma = sigma;
  }
  Decoder decoder() const {
    return [this](const at::Tensor& z) { return at::addmm(bias, z, weight); };
  }
  at::Tensor log_evidence(const at::Tensor& x) const {
    const int64_t width = bias.size(0);
    const double variance = observation.sigma * observation.sigma;
    const at::Tensor covariance = weight.t().mm(weight) + variance * at::eye(width, at::kDouble);
    const at::Tensor root = at::linalg_cholesky(covariance);
    const at::Tensor white = std::get<0>(at::triangular_solve((x - bias).t(), root, /*upper=*/false));
    return -0.5 * (white.square().sum(0) + static_cast<double>(width) * std::log(2 * M_PI)) -
           root.diagonal().log().sum();
  }
};

class Evidence : public testing::TestWithParam<int64_t> {};

TEST_P(Evidence, OfALinearGaussianDecoderIsFoundToATwentiethOfANat) {
  const int64_t latents = GetParam();
  const LinearGaussian model(latents, 40, 0.4);
  AnnealingOptions options;
  options.chains = 64;
  options.distributions = 1600;
  options.leapfrogs = 3;
  Rng rng(1);
  const at::Tensor z = rng.normal({12, latents}).to(at::kDouble);
  const at::Tensor x = model.observation.draw(model.decoder()(z), rng);
  Annealing annealing(model.decoder(), latents, model.observation, options, x, at::kDouble);
  const at::Tensor exact = model.log_evidence(x);
  const AnnealingResult lower = annealing.forward(x), upper = annealing.reverse(x, z);
  EXPECT_NEAR(lower.log_prob.mean().item<double>(), exact.mean().item<double>(), 0.05);
  EXPECT_NEAR(upper.log_prob.mean().item<double>(), exact.mean().item<double>(), 0.05);
  EXPECT_NEAR(lower.mean_acceptance, 0.65, 0.15);
}

INSTANTIATE_TEST_SUITE_P(Latents, Evidence, testing::Values(2, 10, 50));

TEST(Annealing, BoundsTheEvidenceFromBothSidesWhenItIsTooShort) {
  const LinearGaussian model(20, 60, 0.1);
  AnnealingOptions options;
  options.chains = 4;
  options.distributions = 10;
  const AnnealingGap gap = annealing_gap(model.decoder(), 20, model.observation, options, 50, at::kDouble);
  EXPECT_GT(gap.gap(), 1);
  Rng rng(options.seed, "simulated data");  // the same data
  const at::Tensor z = rng.normal({50, 20}).to(at::kDouble);
  const double exact = model.log_evidence(model.observation.draw(model.decoder()(z), rng)).mean().item<double>();
  EXPECT_LT(gap.lower, exact);
  EXPECT_GT(gap.upper, exact);
}

TEST(Annealing, OfABernoulliDecoderAgreesWithASumOverTheLatent) {
  const at::Tensor weight = Rng(2).normal({1, 20}).to(at::kDouble) * 2;
  const Decoder decoder = [&](const at::Tensor& z) { return at::tanh(z.mm(weight)); };
  Observation observation;
  observation.kind = Observation::Kind::bernoulli;
  Rng rng(3);
  const at::Tensor x = observation.draw(decoder(rng.normal({6, 1}).to(at::kDouble)), rng);
  const at::Tensor grid = at::linspace(-8, 8, 4001, at::kDouble).unsqueeze(1);
  const at::Tensor prior = -0.5 * grid.squeeze(1).square() - 0.5 * std::log(2 * M_PI) + std::log(16.0 / 4000);
  AnnealingOptions options;
  options.distributions = 300;
  options.chains = 200;
  Annealing annealing(decoder, 1, observation, options, x, at::kDouble);
  const at::Tensor found = annealing.forward(x).log_prob;
  for (int64_t i = 0; i < 6; ++i) {
    const at::Tensor joint = observation.log_prob(x[i].expand({4001, 20}), decoder(grid)) + prior;
    EXPECT_NEAR(found[i].item<double>(), joint.logsumexp({0}).item<double>(), 0.1);
  }
}

TEST(Observation, DensitiesAreAsByHand) {
  Observation gaussian;
  gaussian.sigma = 2;
  const at::Tensor x = at::tensor({1.0, 3.0}).view({1, 2}), mean = at::tensor({1.0, 1.0}).view({1, 2});
  EXPECT_NEAR(gaussian.log_prob(x, mean).item<double>(), -std::log(2 * M_PI * 4) - 4 / 8.0, 1e-9);
  Observation bernoulli;
  bernoulli.kind = Observation::Kind::bernoulli;
  const at::Tensor bits = at::tensor({1.0, -1.0}).view({1, 2}), chances = at::tensor({0.5, 0.5}).view({1, 2});
  EXPECT_NEAR(bernoulli.log_prob(bits, chances).item<double>(), std::log(0.75) + std::log(0.25), 1e-9);
}

TEST(Annealing, RepeatsWithTheSameSeedAndRefusesSettingsThatMeanNothing) {
  const LinearGaussian model(2, 5, 0.5);
  AnnealingOptions options;
  options.distributions = 20;
  const auto lower = [&] {
    return annealing_gap(model.decoder(), 2, model.observation, options, 5, at::kDouble).lower;
  };
  EXPECT_EQ(lower(), lower());
  options.chains = 0;
  EXPECT_THROW(lower(), UserError);
}

}  // namespace
}  // namespace obverse
