#include "obverse/games/vae.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cmath>

#include "obverse/core/autograd.h"
#include "obverse/games/binarise.h"
#include "obverse/games/recipe.h"
#include "tests/refusal.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;
using ::testing::HasSubstr;

const Domain kSpace = {Domain::Kind::points, {3}, 0, {}};

std::unique_ptr<Game> game_of(const std::string& options, const Domain& domain = kSpace,
                              const std::string& widths = "[]", int64_t z_dim = 1) {
  const std::string text = "[game]\nkind = \"vae\"\nz_dim = " + std::to_string(z_dim) + "\n" + options +
                           "\n[generator]\nkind = \"mlp\"\nwidths = " + widths +
                           "\n[encoder]\nkind = \"mlp\"\nwidths = " + widths + "\n";
  return build_game(parse_recipe({text, "test", {}}), domain);
}

at::Tensor parameter_of(Game& game, const std::string& name) { return find_tensor(game.weights(), name, "the game"); }

// x = w z + b + s noise, z one number: x ~ N(b, w w' + s^2 I), and z given x is Gaussian with variance
// 1 / (1 + w'w / s^2) and mean w'(x - b) / s^2 times that, which a linear encoder can say.
struct LinearGaussian {
  at::Tensor w = at::tensor({1.5, -0.5, 0.8}, at::kFloat), b = at::tensor({0.3, 0.0, -1.0}, at::kFloat);
  double s = 0.6;
  double variance() const { return 1 / (1 + w.square().sum().item<double>() / (s * s)); }

  void write_decoder(Game& game) const {
    without_grad([&] {
      parameter_of(game, "generator.out.weight").copy_(w.unsqueeze(1));
      parameter_of(game, "generator.out.bias").copy_(b);
      parameter_of(game, "observation.log_scale").fill_(std::log(s));
      return 0;
    });
  }
  void write_encoder(Game& game) const {
    without_grad([&] {
      const at::Tensor row = w * (variance() / (s * s));
      parameter_of(game, "encoder.head.linear.weight").copy_(at::stack({row, at::zeros_like(row)}));
      parameter_of(game, "encoder.head.linear.bias")
          .copy_(at::stack({-(row * b).sum(), at::full({}, 0.5 * std::log(variance()))}));
      return 0;
    });
  }
  at::Tensor log_evidence(const at::Tensor& x) const {  // [N]
    const at::Tensor wd = w.to(at::kDouble), covariance = at::outer(wd, wd) + s * s * at::eye(3, at::kDouble);
    const at::Tensor off = x.to(at::kDouble) - b.to(at::kDouble);
    const at::Tensor square = (at::matmul(off, at::linalg_inv(covariance)) * off).sum(1);
    return -0.5 * (square + at::logdet(covariance) + 3 * std::log(2 * M_PI));
  }
};

TEST(Vae, WithTheExactPosteriorTheBoundIsTheEvidence) {
  const auto game = game_of("");
  const LinearGaussian truth;
  truth.write_decoder(*game);
  truth.write_encoder(*game);
  Rng rng(1);
  const at::Tensor x = 2 * rng.normal({20, 3});
  const auto model = game->model();
  EXPECT_EQ(model->likelihood(), Likelihood::lower_bound);
  for (const int64_t samples : {1, 7}) {
    const at::Tensor bound = model->log_prob(x, {}, samples, rng);
    EXPECT_LT((bound - truth.log_evidence(x)).abs().max().item<double>(), 1e-4) << samples;
  }
}

TEST(Vae, ManyImportanceSamplesCloseTheGapThatAWrongPosteriorLeaves) {
  const auto game = game_of("");
  const LinearGaussian truth;
  truth.write_decoder(*game);
  truth.write_encoder(*game);
  without_grad([&] {  // wider than the posterior, and beside it
    parameter_of(*game, "encoder.head.linear.bias").add_(at::tensor({0.3, 0.5}, at::kFloat));
    return 0;
  });
  Rng rng(1);
  const at::Tensor x = rng.normal({400, 3}), exact = truth.log_evidence(x);
  const auto gap = [&](int64_t samples) {
    return (exact - game->model()->log_prob(x, {}, samples, rng)).mean().item<double>();
  };
  const double one = gap(1), ten = gap(10), many = gap(3000);
  EXPECT_GT(one, 0.2);
  EXPECT_LT(ten, 0.5 * one);
  EXPECT_NEAR(many, 0, 0.01);
}

// Round's terms times the numbers in x: reconstruction + kl = -(evidence) when the posterior is exact.
TEST(Vae, TheLossIsMinusTheBoundANumberOfX) {
  const LinearGaussian truth;
  const at::Tensor x = Rng(3).normal({4000, 3});
  for (const char* options : {"", "samples = 5\nimportance = true"}) {
    const auto game = game_of(options);
    truth.write_decoder(*game);
    truth.write_encoder(*game);
    Rng rng(2);
    Round round([&] { return Batch{x, {}}; }, rng);
    const double loss = game->loss({"generator"}, round).total().item<double>();
    EXPECT_NEAR(-3 * loss, truth.log_evidence(x).mean().item<double>(), 0.05) << options;
  }
}

TEST(Vae, BetaWeighsTheDivergenceAndFreeBitsAreItsFloorANumberOfTheCode) {
  const at::Tensor x = Rng(3).normal({50, 3});
  const auto kl = [&](const std::string& options) {
    const auto game = game_of(options, kSpace, "[]", 2);
    Rng rng(2);
    Round round([&] { return Batch{x, {}}; }, rng);
    const Terms terms = game->loss({"generator"}, round);
    for (const auto& [name, value] : terms.terms())
      if (name == "kl") return 3 * value.item<double>();
    return std::nan("");
  };
  const auto game = game_of("", kSpace, "[]", 2);
  const at::Tensor each = game->model()->infer(x, {}).kl_to_normal().mean(0);
  EXPECT_NEAR(kl(""), each.sum().item<double>(), 1e-5);
  EXPECT_NEAR(kl("beta = 4.0"), 4 * each.sum().item<double>(), 1e-4);
  EXPECT_NEAR(kl("free_bits = 50.0"), 100, 1e-4);
}

TEST(Vae, BinarisedPixelsAreOnWithTheProbabilityOfTheirBrightness) {
  Rng rng(1);
  const at::Tensor x = at::full({100000}, -0.5), drawn = binarised(x, rng);
  EXPECT_NEAR(drawn.mean().item<double>(), -0.5, 0.02);
  EXPECT_TRUE(at::equal(drawn.abs(), at::ones_like(x)));
}

TEST(Vae, EveryLikelihoodOfImagesGivesABoundOfProbabilities) {
  const Domain images = {Domain::Kind::image, {1, 4, 4}, 256, {}};
  const at::Tensor x = (Rng(1).uniform({5, 1, 4, 4}) * 255).round() / 127.5 - 1;
  for (const char* likelihood : {"bernoulli\"\nbinarise = true", "discretised-logistic\"", "gaussian\""}) {
    const auto game = game_of(std::string("likelihood = \"") + likelihood, images, "[6]", 2);
    Rng rng(2);
    const at::Tensor bound = game->model()->log_prob(x, {}, 10, rng);
    EXPECT_EQ(bound.sizes(), at::IntArrayRef({5}));
    EXPECT_LT(bound.max().item<double>(), 0) << likelihood;
  }
}

TEST(Vae, WhatDoesNotFitTogetherIsRefused) {
  EXPECT_THAT(refusal([] { game_of("likelihood = \"bernoulli\""); }), HasSubstr("is for images"));
  EXPECT_THAT(refusal([] { game_of("binarise = true"); }), HasSubstr("bernoulli"));
  EXPECT_THAT(refusal([] { game_of("importance = true\nbeta = 2.0"); }), HasSubstr("no KL divergence"));
}

}  // namespace
}  // namespace obverse
