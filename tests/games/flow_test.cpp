#include "obverse/games/flow.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cmath>

#include "obverse/core/autograd.h"
#include "obverse/games/made.h"
#include "obverse/games/recipe.h"
#include "tests/refusal.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;
using ::testing::HasSubstr;

const Domain kPlane = {Domain::Kind::points, {2}, 0, {}};
const Domain kTiny = {Domain::Kind::image, {1, 2, 2}, 4, {}};  // four levels: 256 images in all

std::unique_ptr<Game> game_of(const std::string& text, const Domain& domain) {
  auto game = build_game(parse_recipe({text, "test", {}}), domain);
  Rng rng(7);
  without_grad([&] {
    for (const auto& [name, p] : game->weights())
      if (p.requires_grad()) p.add_(0.2 * rng.normal(p.sizes()));
    return 0;
  });
  freeze(*game, {});
  return game;
}

const char* kMaf = "[game]\nkind = \"flow\"\n[flow]\nkind = \"maf\"\nlayers = 2\nwidths = [12]\n";

// Every image of four levels a pixel: [256, 1, 2, 2].
at::Tensor every_tiny_image() {
  const at::Tensor level = at::arange(4, at::kFloat) * (2.0 / 3) - 1;
  return at::cartesian_prod({level, level, level, level}).view({256, 1, 2, 2});
}

TEST(Dequantisation, LeavesEachLevelItsOwnIntervalAndComesBack) {
  const Dequantisation how(kTiny, 0.05);
  const at::Tensor x = every_tiny_image();
  EXPECT_LT((how.inverse(how.forward(x, at::full_like(x, 0.5)).value) - x).abs().max().item<double>(), 1e-5);
  const at::Tensor low = how.forward(x, at::zeros_like(x)).value, high = how.forward(x, at::ones_like(x)).value;
  EXPECT_NEAR(low.min().item<double>(), std::log(0.05 / 0.95), 1e-4);
  EXPECT_NEAR(high.max().item<double>(), std::log(0.95 / 0.05), 1e-4);
}

// y = logit(m + (1 - 2 m) (k + u) / L): the derivative by u, against the stated log-determinant, which is that by
// (k + u) / L less log L a number, so that densities of v become bounds of probabilities.
TEST(Dequantisation, LogDeterminantIsThatOfTheNoise) {
  const Dequantisation how(kTiny, 0.05);
  const at::Tensor x = every_tiny_image().slice(0, 100, 103).to(at::kDouble), u = at::full_like(x, 0.3);
  const at::Tensor slope = (how.forward(x, u + 1e-6).value - how.forward(x, u - 1e-6).value) / 2e-6;
  EXPECT_LT((how.forward(x, u).log_det - slope.log().flatten(1).sum(1)).abs().max().item<double>(), 1e-6);
}

// A bound of log P(k) for every image there is: their exponentials add up to at most 1, and with a flow that is smooth
// and many draws of noise nearly to what the densities inside the levels' range hold.
TEST(FlowGame, BoundsOfAllImagesAddUpToAtMostOne) {
  const auto game = game_of(kMaf, kTiny);
  Rng rng(1);
  const auto model = game->model();
  EXPECT_EQ(model->likelihood(), Likelihood::lower_bound);
  const double total = model->log_prob(every_tiny_image(), {}, 2000, rng).to(at::kDouble).exp().sum().item<double>();
  // The rest lies outside: draws of the model whose logit is beyond the margins.
  const at::Tensor z = rng.normal({200000, 4});
  const auto flow = std::dynamic_pointer_cast<Transform>(game->module("flow"));
  const double edge = std::log(0.95 / 0.05);
  const at::Tensor inside = (flow->inverse(z).flatten(1).abs() < edge).all(1);
  EXPECT_NEAR(total, inside.to(at::kDouble).mean().item<double>(), 0.01);
}

TEST(FlowGame, PointsHaveAnExactDensity) {
  const auto game = game_of(kMaf, kPlane);
  const auto model = game->model();
  EXPECT_EQ(model->likelihood(), Likelihood::exact);
  const at::Tensor line = at::arange(-12.0, 12.0, 0.05);
  Rng rng(1);
  const at::Tensor density = model->log_prob(at::cartesian_prod({line, line}), {}, 1, rng).to(at::kDouble).exp();
  EXPECT_NEAR(density.sum().item<double>() * 0.05 * 0.05, 1, 1e-2);
}

TEST(FlowGame, InfersExactlyWhatItDecodes) {
  for (const Domain& domain : {kPlane, kTiny}) {
    const auto game = game_of(kMaf, domain);
    const auto model = game->model();
    EXPECT_TRUE(model->invertible());
    const at::Tensor x = domain.kind == Domain::Kind::image ? every_tiny_image() : Rng(2).normal({50, 2});
    EXPECT_LT((model->decode(model->encode(x, {}), {}) - x).abs().max().item<double>(), 1e-4);
  }
}

TEST(FlowGame, TheLossIsMinusTheLogDensityANumber) {
  const auto game = game_of(kMaf, kPlane);
  const at::Tensor x = Rng(2).normal({50, 2});
  Rng rng(1);
  Round round([&] { return Batch{x, {}}; }, rng);
  EXPECT_NEAR(game->loss({"generator"}, round).total().item<double>(),
              -0.5 * game->model()->log_prob(x, {}, 1, rng).mean().item<double>(), 1e-5);
}

const char* kMade = "[game]\nkind = \"made\"\nbinarise = false\n[network]\nwidths = [12]\n";
const Domain kBits = {Domain::Kind::image, {1, 2, 3}, 256, {}};

TEST(MadeGame, ProbabilitiesOfAllBinaryImagesAddUpToOne) {
  const auto game = game_of(kMade, kBits);
  const at::Tensor bit = at::tensor({-1.0, 1.0}).to(at::kFloat);
  const at::Tensor x = at::cartesian_prod({bit, bit, bit, bit, bit, bit}).view({64, 1, 2, 3});
  Rng rng(1);
  const at::Tensor log_prob = game->model()->log_prob(x, {}, 1, rng).to(at::kDouble);
  EXPECT_NEAR(log_prob.exp().sum().item<double>(), 1, 1e-5);
  // and samples are drawn with them
  const at::Tensor drawn = (sample(*game->model(), 50000, rng).x > 0).flatten(1).to(at::kLong);
  const at::Tensor index = at::matmul(drawn, at::tensor({32, 16, 8, 4, 2, 1}, at::kLong));
  const at::Tensor share = at::bincount(index, {}, 64).to(at::kDouble) / 50000;
  EXPECT_LT((share - log_prob.exp()).abs().max().item<double>(), 0.01);
}

TEST(MadeGame, CodesGiveTheirImagesBack) {
  const auto game = game_of(kMade, kBits);
  const at::Tensor x = 2 * Rng(3).integers(2, {100, 1, 2, 3}).to(at::kFloat) - 1;
  const auto model = game->model();
  EXPECT_TRUE(at::equal(model->decode(model->encode(x, {}), {}), x));
}

TEST(MadeGame, SaysThatItsImagesHaveNoGradient) {
  EXPECT_FALSE(game_of(kMade, kBits)->model()->differentiable());
  EXPECT_TRUE(game_of(kMaf, kPlane)->model()->differentiable());
}

TEST(MadeGame, PointsAreRefused) {
  EXPECT_THAT(refusal([&] { game_of(kMade, kPlane); }), HasSubstr("maf"));
}

}  // namespace
}  // namespace obverse
