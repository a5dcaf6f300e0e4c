#include "obverse/games/view.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/games/gan.h"
#include "obverse/games/recipe.h"

namespace obverse {
namespace {

using ::testing::HasSubstr;

const Domain kPlane = {Domain::Kind::points, {2}, 0, {}};
const Domain kImages = {Domain::Kind::image, {3, 8, 8}, 256, {"a", "b", "c"}};

/// D(x) = w . x over all of a row's numbers.
class Linear1 : public Discriminator {
 public:
  explicit Linear1(int64_t numbers) { parameter("w", w, at::arange(1, numbers + 1, at::kFloat)); }
  at::Tensor features(const at::Tensor& x) override {
    seen = x;
    return x.flatten(1) * w;
  }
  at::Tensor head(const at::Tensor& h, const at::Tensor&) override { return h.sum(1); }
  at::Tensor w, seen;
};

ViewOptions packs(int64_t size) {
  ViewOptions o;
  o.packing = size;
  return o;
}

TEST(View, PacksSamplesInARowAsChannelsAndItsGradientLikewise) {
  const auto D = std::make_shared<Linear1>(6);
  View view(packs(3), D);
  Rng rng(1);
  view.use(rng, 0);
  const at::Tensor x = at::arange(12, at::kFloat).view({6, 2});
  const auto [logits, slope] = view.forward_with_gradient(x, {});
  EXPECT_TRUE(at::equal(D->seen, x.view({2, 6})));
  // 0*1 + 1*2 + ... + 5*6 = 70; with 6 more each: 70 + 6 * 21 = 196
  EXPECT_TRUE(at::equal(logits, at::tensor({70.0F, 196.0F})));
  EXPECT_EQ(slope.sizes(), at::IntArrayRef({2, 6}));
  EXPECT_TRUE(at::equal(slope[1], D->w));
  EXPECT_THROW(view.forward(x.narrow(0, 0, 5), {}), UserError);
  const NetworkShape shape = View::shape_behind(packs(3), {kImages, 4, 0});
  EXPECT_EQ(shape.domain.shape, (std::vector<int64_t>{9, 8, 8}));
}

TEST(View, AddsNoiseOfTheScheduledStandardDeviation) {
  ViewOptions o;
  o.instance_noise = Schedule(0.5, 0, 1, "linear");
  const auto D = std::make_shared<Linear1>(2);
  View view(o, D);
  Rng rng(1);
  const at::Tensor x = at::ones({20000, 2});
  view.use(rng, 0.5);
  view.forward(x, {});
  EXPECT_NEAR((D->seen - x).std().item<double>(), 0.25, 0.005);
  view.use(rng, 1);
  view.forward(x, {});
  EXPECT_TRUE(at::equal(D->seen, x));
}

// 4 batches of 50 images at signs 1 > 0.6: up by 4 * 50 / 1000 of 10 kimg = 0.02; then down, and never below 0.
TEST(View, StrengthRisesWhileDIsTooSureOfRealImagesAndIsSaved) {
  ViewOptions o;
  o.adaptive_target = 0.6;
  o.adaptive_kimg = 10;
  View view(o, std::make_shared<Linear1>(192));
  for (int i = 0; i < 3; ++i) view.observe(1, 50);
  EXPECT_EQ(view.strength(), 0);
  view.observe(1, 50);
  EXPECT_NEAR(view.strength(), 0.02, 1e-12);
  View resumed(o, std::make_shared<Linear1>(192));
  copy_named(resumed.state(), view.state(), "test");
  for (int i = 0; i < 4; ++i) view.observe(0.5, 25), resumed.observe(0.5, 25);
  EXPECT_NEAR(view.strength(), 0.01, 1e-12);
  EXPECT_EQ(view.strength(), resumed.strength());
  for (int i = 0; i < 8; ++i) view.observe(-1, 50);
  EXPECT_EQ(view.strength(), 0);
}

std::string refusal(const std::string& text, const Domain& domain) {
  try {
    build_game(parse_recipe({text, "test", {}}), domain);
  } catch (const UserError& e) {
    return e.what();
  }
  return "nothing was refused";
}

TEST(View, WhatMakesNoSenseIsRefusedWithTheReason) {
  const std::string mlp =
      "[generator]\nkind = 'mlp'\nwidths = [8]\n[discriminator]\nkind = 'mlp'\nwidths = [8]\n[game]\n";
  EXPECT_THAT(refusal(mlp + "augment = ['cutout']", kPlane), HasSubstr("the data are points"));
  EXPECT_THAT(refusal(mlp + "adaptive_target = 0.6", kPlane), HasSubstr("adaptive_target"));
  EXPECT_THAT(refusal(mlp + "augment = ['cutoff']", kImages), HasSubstr("cutout"));
  EXPECT_THAT(refusal(mlp + "packing = 2\nconditional = true", kImages), HasSubstr("as many labels"));
  EXPECT_THAT(refusal(mlp + "loss = 'hinge'\nlabel_smoothing = 0.1", kPlane), HasSubstr("no labels to smooth"));
  EXPECT_THAT(refusal(mlp + "consistency_real = 10.0", kPlane), HasSubstr("of logits of images"));
  EXPECT_THAT(refusal(mlp + "loss = 'mmd'\nconditional = true", kImages), HasSubstr("know nothing of classes"));
  EXPECT_THAT(refusal(mlp + "loss = 'mmd'\ndrift = 0.001", kPlane), HasSubstr("game.drift"));
  EXPECT_THAT(refusal(mlp + "loss = 'wasserstein'\nadaptive_target = 0.6", kImages), HasSubstr("zero free"));
}

/// Every remedy of [game], [discriminator] and [train], each as the only one.
struct Remedy {
  const char *game, *discriminator;
  bool images, conditional;
};

class EveryRemedy : public ::testing::TestWithParam<Remedy> {
 protected:
  std::unique_ptr<Game> build() const {
    const Remedy& r = GetParam();
    const std::string kind = r.images ? "dcgan'\nchannels = [4, 8]\n" : "mlp'\nwidths = [8]\n";
    const std::string text = std::string("[game]\nz_dim = 3\n") + r.game +
                             (r.conditional ? "\nconditional = true" : "") + "\n[generator]\nkind = '" + kind +
                             "[discriminator]\nkind = '" + kind + r.discriminator + "\n";
    return build_game(parse_recipe({text, "test", {}}), r.images ? kImages : kPlane);
  }
};

// One round of each player: finite, its own gradients only, the same seed gives the same bits, saved and restored.
TEST_P(EveryRemedy, PlaysAFiniteRoundThatCanBeRepeated) {
  const auto play = [&](Game& game) {
    Rng rng(5), data(6);
    const bool images = GetParam().images;
    Round round(
        [&] {
          return images ? Batch{data.normal({6, 3, 8, 8}).tanh(), data.integers(3, {6})}
                        : Batch{data.normal({6, 2}), {}};
        },
        rng);
    round.batch = 6;
    std::vector<double> values;
    for (int i = 0; i < 5; ++i)
      for (const Phase& phase : game.phases()) {
        for (Player& p : game.players())
          for (auto& [name, tensor] : p.parameters()) at::Tensor(tensor).mutable_grad().reset();
        const Terms terms = game.gradients({phase}, round)[0];
        values.push_back(terms.total().item<double>());
        EXPECT_TRUE(std::isfinite(values.back())) << phase.player;
        for (Player& p : game.players())
          for (const auto& [name, tensor] : p.parameters())
            if (tensor.grad().defined()) {
              EXPECT_EQ(p.name, phase.player) << name;
              EXPECT_TRUE(tensor.grad().isfinite().all().item<bool>()) << name;
            }
      }
    return values;
  };
  const auto a = build(), b = build();
  const NamedTensors start = a->weights();
  EXPECT_EQ(play(*a), play(*b));
  const auto c = build();
  copy_named(c->weights(), a->weights(), "test");
  copy_named(c->state(), a->state(), "test");
  EXPECT_EQ(play(*a), play(*c));
}

INSTANTIATE_TEST_SUITE_P(
    Games, EveryRemedy,
    ::testing::Values(Remedy{"packing = 2", "", false, false},
                      Remedy{"packing = 3\nr1 = { weight = 1.0 }", "", true, false},
                      Remedy{"instance_noise = 0.1", "", false, false},
                      Remedy{"instance_noise = { from = 0.1, to = 0.0 }\nwgan-gp = { weight = 10.0 }", "", true, true},
                      Remedy{"label_smoothing = 0.1\nloss = 'least-squares'", "", false, false},
                      Remedy{"label_smoothing = 0.1", "conditioning = 'concatenation'", true, true},
                      Remedy{"consistency_real = 10.0\nconsistency_fake = 5.0", "", true, true},
                      Remedy{"consistency_fake = 5.0\nr2 = { weight = 1.0 }", "batch_norm = false", true, false},
                      Remedy{"augment = ['colour', 'translation', 'cutout']\nr1 = { weight = 1.0 }", "", true, true},
                      Remedy{"adaptive_target = 0.6\nadaptive_kimg = 0.1\nr1 = { weight = 1.0, interval = 2 }",
                             "batch_norm = false", true, true},
                      Remedy{"loss = 'mmd'", "", false, false},
                      Remedy{"loss = 'mmd'\nr1 = { weight = 1.0 }\nwgan-gp = { weight = 1.0, interval = 3 }",
                             "spectral_norm = true\nbatch_norm = false", true, false},
                      Remedy{"loss = 'mmd'\npacking = 2\nr2 = { weight = 1.0 }", "", false, false},
                      Remedy{"loss = 'mmd'", "conditioning = 'auxiliary'", true, true},
                      Remedy{"r1 = { weight = 1.0 }\nr2 = { weight = 1.0 }",
                             "conditioning = 'auxiliary'\nbatch_norm = false", true, true},
                      Remedy{"dragan = { weight = 1.0 }", "minibatch_kernels = 4\nminibatch_numbers = 2", true, true},
                      Remedy{"r1 = { weight = 1.0 }", "minibatch_kernels = 4\nminibatch_numbers = 2", false, false}));

// Packs judged beside each other: R1 sums over all of a pack's numbers. D linear, its gradient w everywhere.
TEST(Gan, PenalisesTheGradientOfAPackAsAWhole) {
  const std::string text =
      "[game]\nz_dim = 2\npacking = 2\nr1 = { weight = 2.0 }\n[generator]\nkind = 'mlp'\nwidths = [8]\n"
      "[discriminator]\nkind = 'mlp'\nwidths = []\n";
  const auto game = build_game(parse_recipe({text, "test", {}}), kPlane);
  Rng rng(1), data(2);
  Round round([&] { return Batch{data.normal({4, 2}), {}}; }, rng);
  round.batch = 4;
  const Terms terms = game->gradients({{"discriminator"}}, round)[0];
  const at::Tensor w = find_tensor(game->weights(), "discriminator.head.linear.weight", "D");  // [1, 4]
  EXPECT_EQ(w.numel(), 4);
  for (const auto& [name, value] : terms.terms())
    if (name == "r1") {
      EXPECT_NEAR(value.item<double>(), w.square().sum().item<double>(), 1e-5);  // 2 / 2 ||w||^2
      return;
    }
  FAIL() << "no r1";
}

}  // namespace
}  // namespace obverse
