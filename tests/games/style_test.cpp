#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/games/gan.h"
#include "obverse/games/path_length.h"
#include "obverse/games/recipe.h"

namespace obverse {
namespace {

/// x = A w of every layer, summed: the derivative by each layer's w is A.
class LinearStyles : public StyleGenerator {
 public:
  LinearStyles(int64_t layers, int64_t w_dim, int64_t side) : layers_(layers), side_(side) {
    Rng rng(1);
    parameter("a", a, rng.normal({w_dim, side * side}));
    mean_ = at::zeros({w_dim});
  }
  int64_t layers() const override { return layers_; }
  at::Tensor map(const at::Tensor& z, const at::Tensor&) override { return z; }
  at::Tensor synthesise(const at::Tensor& ws) override { return at::matmul(ws.sum(1), a).view({-1, 1, side_, side_}); }
  const at::Tensor& mean_w() const override { return mean_; }
  at::Tensor a, mean_;

 private:
  int64_t layers_, side_;
};

// J^T y = A y for every layer, y noise of variance 1 / pixels: the length is |A y|, the root of the mean over layers
// changes nothing. E|A y|^2 = |A|^2 / pixels.
TEST(PathLength, IsTheNormOfTheDerivativeInARandomDirection) {
  LinearStyles G(3, 4, 8);
  Rng rng(2), again(2);
  const at::Tensor ws = at::zeros({6, 3, 4});
  const at::Tensor found = PathLength::lengths(G, ws, rng);
  const at::Tensor y = again.normal({6, 1, 8, 8}).flatten(1) / 8;
  EXPECT_LT((found - at::matmul(y, G.a.t()).norm(2, 1)).abs().max().item<double>(), 1e-5);
  const at::Tensor many = PathLength::lengths(G, at::zeros({4000, 3, 4}), rng);
  EXPECT_NEAR((many.square().mean() / (G.a.square().sum() / 64)).item<double>(), 1, 0.05);
}

// a moves by a hundredth of the way: from 0 after lengths l1: 0.01 m1, then 0.99 * 0.01 m1 + 0.01 m2.
TEST(PathLength, ItsTargetIsTheMovingAverageOfLengths) {
  LinearStyles G(2, 4, 4);
  PathLength regulariser;
  Rng rng(3), again(3);
  const at::Tensor ws = at::zeros({5, 2, 4});
  double mean = 0;
  for (int i = 0; i < 3; ++i) {
    const double loss = regulariser.loss(G, ws, rng).item<double>();
    const at::Tensor lengths = PathLength::lengths(G, ws, again);
    mean += 0.01 * (lengths.mean().item<double>() - mean);
    EXPECT_NEAR(regulariser.mean(), mean, 1e-6);
    EXPECT_NEAR(loss, (lengths - mean).square().mean().item<double>(), 1e-4);
  }
}

TEST(PathLength, ReachesTheWeightsThroughTheDerivative) {
  LinearStyles G(1, 2, 2);
  PathLength regulariser;
  Rng rng(4), probe(4);
  const at::Tensor ws = at::zeros({1, 1, 2});
  const at::Tensor slope = gradient(regulariser.loss(G, ws, rng), G.a);
  // (|A y| - m)^2 with m = |A y| / 100: the average is held fixed. d|A y| / dA = (A y / |A y|) y^T.
  const at::Tensor y = probe.normal({1, 1, 2, 2}).flatten() / 2, v = at::mv(G.a, y).detach();
  const at::Tensor expected = 2 * 0.99 * v.norm() * at::outer(v / v.norm(), y);
  EXPECT_LT((slope - expected).abs().max().item<double>(), 1e-5);
}

const Domain kImages = {Domain::Kind::image, {3, 8, 8}, 256, {"a", "b"}};

std::unique_ptr<Game> game_of(const std::string& more, const std::string& kind = "stylegan2") {
  return build_game(parse_recipe({"[game]\nz_dim = 4\nconditional = true\n" + more + "\n[generator]\nkind = '" + kind +
                                      "'\nchannels = [6, 4]\n[discriminator]\nkind = 'stylegan2'\nchannels = [4, 6]\n",
                                  "test",
                                  {}}),
                    kImages);
}

TEST(StyleGame, PlaysMixingAndPathLengthAndRepeatsItself) {
  const std::string all =
      "style_mixing = 0.9\npath_length = { weight = 2.0, interval = 2 }\nr1 = { weight = 1.0, interval = 2 }";
  const auto a = game_of(all), b = game_of(all);
  ASSERT_EQ(a->phases().size(), 4u);
  EXPECT_EQ(a->phases().back().name, "path_length");
  const auto play = [](Game& game) {
    Rng rng(1), data(2);
    Round round([&] { return Batch{data.normal({4, 3, 8, 8}).tanh(), data.integers(2, {4})}; }, rng);
    round.batch = 4;
    std::vector<double> values;
    for (const Phase& phase : game.phases()) {
      for (Player& p : game.players())
        for (auto& [name, tensor] : p.parameters()) at::Tensor(tensor).mutable_grad().reset();
      values.push_back(game.gradients({phase}, round)[0].total().item<double>());
      EXPECT_TRUE(std::isfinite(values.back())) << phase.name;
      int64_t reached = 0;
      for (Player& p : game.players())
        for (const auto& [name, tensor] : p.parameters())
          if (tensor.grad().defined()) {
            EXPECT_EQ(p.name, phase.player);
            EXPECT_TRUE(tensor.grad().isfinite().all().item<bool>()) << name;
            ++reached;
          }
      EXPECT_GT(reached, 4) << phase.name;
    }
    return values;
  };
  EXPECT_EQ(play(*a), play(*b));
  EXPECT_GT(a->state().back().second.item<double>(), 0);
}

// Shares of the run: held for 0.2, fading for 0.1, and so on.
TEST(Growth, HoldsAndFadesInTurn) {
  GrowthOptions o;
  o.hold = 0.2;
  o.fade = 0.1;
  for (const auto& [progress, level] : std::vector<std::pair<double, double>>{
           {0, 0}, {0.2, 0}, {0.25, 0.5}, {0.3, 1}, {0.5, 1}, {0.58, 1.8}, {0.65, 2}})
    EXPECT_NEAR(o.level(progress), level, 1e-9) << progress;
}

// What has not faded in yet has no gradient, so that its optimiser waits.
TEST(Growth, OnlyStagesAtWorkHaveGradients) {
  const auto game = build_game(parse_recipe({"[game]\nz_dim = 4\nloss = 'wasserstein'\ndrift = 0.001\n"
                                             "wgan-gp = { weight = 10.0 }\n[generator]\nkind = 'progressive'\n"
                                             "channels = [6, 4]\n[discriminator]\nkind = 'progressive'\n"
                                             "channels = [4, 6]\n",
                                             "test",
                                             {}}),
                               kImages);
  Rng rng(1), data(2);
  Round round([&] { return Batch{data.normal({4, 3, 8, 8}).tanh(), {}}; }, rng);
  round.batch = 4;
  for (const auto& [progress, grown] : {std::pair(0.05, false), std::pair(0.15, true)}) {
    round.progress = progress;
    for (const Phase& phase : game->phases()) {
      const Terms terms = game->gradients({phase}, round)[0];
      EXPECT_TRUE(at::isfinite(terms.total()).item<bool>());
    }
    const NamedTensors weights = game->weights();
    EXPECT_EQ(find_tensor(weights, "generator.stage1.conv0.weight", "G").grad().defined(), grown);
    EXPECT_EQ(find_tensor(weights, "discriminator.stage0.conv0.weight", "D").grad().defined(), grown);
    EXPECT_TRUE(find_tensor(weights, "generator.stage0.conv1.weight", "G").grad().defined());
  }
}

TEST(Growth, IsOfBothNetworksOrNone) { EXPECT_THROW(game_of("", "progressive"), UserError); }

TEST(StyleGame, RefusesGeneratorsWithoutStyles) {
  EXPECT_THROW(game_of("style_mixing = 0.5", "dcgan"), UserError);
  EXPECT_THROW(game_of("path_length = { weight = 2.0 }", "dcgan"), UserError);
}

TEST(StyleGame, TruncationTakesWTowardsItsMean) {
  const auto game = game_of("");
  const auto G = std::dynamic_pointer_cast<StyleGenerator>(game->module("generator"));
  Rng rng(1);
  const at::Tensor z = rng.normal({3, 4}), y = at::zeros({3}, at::kLong);
  for (int i = 0; i < 50; ++i) G->map(rng.normal({64, 4}), at::zeros({64}, at::kLong));  // the mean moves
  freeze(*game, {});
  const auto model = game->model();
  const at::Tensor whole = model->decode(z, y);
  ASSERT_TRUE(model->truncate(0));
  const at::Tensor mean = model->decode(z, y);
  EXPECT_LT((mean - mean.narrow(0, 0, 1)).abs().max().item<double>(), 1e-6);
  EXPECT_TRUE(at::allclose(mean.narrow(0, 0, 1), G->synthesise(G->everywhere(G->mean_w().unsqueeze(0)))));
  EXPECT_TRUE(model->truncate(1));
  EXPECT_TRUE(at::equal(model->decode(z, y), whole));
}

}  // namespace
}  // namespace obverse
