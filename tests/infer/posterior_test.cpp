#include "obverse/infer/posterior.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cmath>

#include "models_for_tests.h"
#include "obverse/core/autograd.h"
#include "obverse/infer/diagnostics.h"
#include "tests/refusal.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;
using ::testing::HasSubstr;

// x_t = phi x_{t-1} + sqrt(1 - phi^2) e: n independent-looking draws are worth n (1 - phi) / (1 + phi).
at::Tensor autoregression(double phi, int64_t chains, int64_t n, Rng& rng) {
  const at::Tensor noise = rng.normal({chains, n, 1}).to(at::kDouble);
  std::vector<at::Tensor> x = {noise.select(1, 0)};
  for (int64_t t = 1; t < n; ++t) x.push_back(phi * x.back() + std::sqrt(1 - phi * phi) * noise.select(1, t));
  return at::stack(x, 1);
}

TEST(Diagnostics, EffectiveSampleSizeOfAnAutoregressionIsTheKnownOne) {
  Rng rng(1);
  for (const double phi : {0.0, 0.5, 0.9}) {
    const double ess = effective_sample_size(autoregression(phi, 4, 5000, rng)).item<double>();
    const double expected = 20000 * (1 - phi) / (1 + phi);
    EXPECT_NEAR(ess / expected, 1, 0.12) << phi;
  }
}

TEST(Diagnostics, SplitRHatIsOneWhereChainsAgreeAndLargeWhereTheyDoNot) {
  Rng rng(2);
  const at::Tensor good = autoregression(0.3, 4, 1000, rng);
  EXPECT_NEAR(split_r_hat(good).item<double>(), 1, 0.01);
  at::Tensor apart = good.clone();
  apart[0] += 3;
  EXPECT_GT(split_r_hat(apart).item<double>(), 1.5);
  const at::Tensor drift = good + at::arange(1000).view({1, 1000, 1}) / 300.0;  // halves of one chain differ
  EXPECT_GT(split_r_hat(drift).item<double>(), 1.2);
}

// By hand: halves (1, 2) and (3, 4) of one chain, twice. W = 0.5; means 1.5, 3.5, 1.5, 3.5 have variance 4/3;
// pooled = 0.5 * 1/2 + 4/3 = 19/12; sqrt(19/6).
TEST(Diagnostics, SplitRHatByHand) {
  const at::Tensor draws = at::arange(1, 5, at::kDouble).repeat({2, 1}).unsqueeze(2);
  EXPECT_NEAR(split_r_hat(draws).item<double>(), std::sqrt(19.0 / 6), 1e-12);
}

TEST(Hmc, DrawsFromACorrelatedGaussianHaveItsMomentsAndTheAcceptanceAskedFor) {
  const at::Tensor factor = at::tensor({1.0, 0.0, 0.8, 0.6}, at::kDouble).view({2, 2});
  const at::Tensor precision = at::linalg_inv(at::matmul(factor, factor.t()));
  const LogDensity density = [&](const at::Tensor& z) {
    return -0.5 * (at::matmul(z - 2, precision) * (z - 2)).sum(1);
  };
  Rng rng(3);
  Hmc hmc(density, 3 * rng.normal({200, 2}).to(at::kDouble), {});
  for (int i = 0; i < 200; ++i) hmc.advance(rng, true);
  std::vector<at::Tensor> draws;
  double accepted = 0;
  for (int i = 0; i < 200; ++i) {
    hmc.advance(rng, false);
    draws.push_back(hmc.position());
    accepted += hmc.accepted().mean().item<double>() / 200;
  }
  const at::Tensor x = at::cat(draws);
  EXPECT_LT((x.mean(0) - 2).abs().max().item<double>(), 0.03);
  EXPECT_LT((at::cov(x.t()) - at::matmul(factor, factor.t())).abs().max().item<double>(), 0.05);
  EXPECT_NEAR(accepted, 0.65, 0.1);
}

TEST(Hmc, ATrajectoryOfSmallStepsKeepsItsEnergy) {
  HmcOptions options;
  options.step = 1e-3;
  Rng rng(4);
  Hmc hmc([](const at::Tensor& z) { return -z.square().square().sum(1); }, rng.normal({50, 3}).to(at::kDouble),
          options);
  hmc.advance(rng, false);
  EXPECT_GT(hmc.accepted().min().item<double>(), 0.9999);
}

// Simulation-based calibration (Talts 2018): z of the prior, x from p(x | z); among draws of p(z | x) the rank of z is
// uniform. Decoder G(z) = A z + b, noise 0.5.
TEST(Posterior, RanksOfTrueCodesAreUniformForALinearGaussianDecoder) {
  LinearModel model(2, 3);
  PosteriorOptions options;
  options.noise = 0.5;
  options.chains = 2;
  options.warmup = 100;
  options.draws = 190;
  constexpr int64_t kRuns = 600;
  Rng rng(5);
  const at::Tensor z = rng.normal({kRuns, 2});
  const at::Tensor x = model.decode(z, {}) + options.noise * rng.normal({kRuns, 3});
  const Posterior found = sample_posterior(model, x, {}, options, rng);
  const at::Tensor draws = found.code.slice(2, 0, 190, 10).flatten(1, 2);  // [runs, 38, 2], nearly independent
  const at::Tensor rank = (draws < z.unsqueeze(1)).to(at::kLong).sum(1).select(1, 0);  // 0 .. 38
  const at::Tensor fine = at::bincount(rank, {}, 39).to(at::kDouble);
  // Chi-squared of 39 equal bins: mean 38, 99.9 % point 70.7.
  const double expected = static_cast<double>(kRuns) / 39;
  EXPECT_LT(((fine - expected).square() / expected).sum().item<double>(), 70.7) << fine;
  EXPECT_LT(found.r_hat.median().item<double>(), 1.05);
}

TEST(Posterior, MomentsAreThoseOfTheLinearGaussianPosterior) {
  LinearModel model(2, 3);
  Rng rng(6);
  const at::Tensor x = rng.normal({3, 3});
  PosteriorOptions options;
  options.noise = 0.5;
  options.draws = 1000;
  const Posterior found = sample_posterior(model, x, {}, options, rng);
  const at::Tensor a = model.matrix().to(at::kDouble), off = (x - model.offset()).to(at::kDouble);
  const at::Tensor covariance = at::linalg_inv(at::eye(2, at::kDouble) + at::matmul(a.t(), a) / 0.25);
  const at::Tensor mean = at::matmul(at::matmul(off, a) / 0.25, covariance);
  for (int64_t i = 0; i < 3; ++i) {
    const at::Tensor draws = found.code[i].flatten(0, 1).to(at::kDouble);
    EXPECT_LT((draws.mean(0) - mean[i]).abs().max().item<double>(), 0.03);
    EXPECT_LT((at::cov(draws.t()) / covariance - 1).diagonal().abs().max().item<double>(), 0.12);  // worth 500 draws
  }
  EXPECT_GT(found.ess.min().item<double>(), 500);
}

// G(z) = z^2, and so G(z) = G(-z).
class SquareModel : public FormulaModel {
 public:
  SquareModel() : FormulaModel(1, 1) {}
  at::Tensor decode(const at::Tensor& z, const at::Tensor&) override { return z.square(); }
};

TEST(Posterior, FindsBothCodesOfADecoderThatCannotTellThemApart) {
  SquareModel model;
  PosteriorOptions options;
  options.noise = 0.1;
  options.chains = 16;
  Rng rng(7);
  const Posterior found = sample_posterior(model, at::ones({1, 1}), {}, options, rng);
  const at::Tensor z = found.code.flatten();
  const double positive = (z > 0).to(at::kDouble).mean().item<double>();
  EXPECT_GT(positive, 0.15);
  EXPECT_LT(positive, 0.85);
  EXPECT_NEAR(z.abs().mean().item<double>(), 1, 0.02);
  EXPECT_GT(found.r_hat.item<double>(), 1.5);  // and the chains, which stay with one, say so
}

TEST(Posterior, NeedsAnObservationModel) {
  LinearModel model(2, 3);
  Rng rng(1);
  EXPECT_THAT(refusal([&] { sample_posterior(model, at::zeros({1, 3}), {}, {}, rng); }), HasSubstr("--noise"));
}

}  // namespace
}  // namespace obverse
