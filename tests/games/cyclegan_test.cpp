#include "obverse/games/cyclegan.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../temporary_folder.h"
#include "obverse/core/autograd.h"
#include "obverse/games/recipe.h"
#include "tests/refusal.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;
using ::testing::HasSubstr;

const Domain kTwo = {Domain::Kind::image, {3, 16, 16}, 256, {"A", "B"}};

Recipe recipe(const std::string& game = "", const std::string& generator = "kind = 'resnet'\nwidth = 4\nblocks = 1") {
  return parse_recipe({"[game]\nkind = 'cyclegan'\n" + game + "\n[generator]\n" + generator +
                           "\n[discriminator]\nwidth = 4\nlayers = 2\n",
                       "test",
                       {}});
}

/// Batches of two images of each class.
struct Draws {
  Rng data{1}, rng{2};
  Round round() {
    Round result(
        [this] {
          return Batch{data.normal({4, 3, 16, 16}).tanh(), at::tensor({0, 1, 0, 1}, at::kLong)};
        },
        rng);
    result.batch = 4;
    return result;
  }
};

double term(const Terms& terms, const std::string& name) {
  for (const auto& [key, value] : terms.terms())
    if (key == name) return value.item<double>();
  throw std::runtime_error("no term " + name);
}

TEST(CycleGan, ItsLossesAreThoseOfTheFormulas) {
  Recipe r = recipe();
  const auto game = build_game(r, kTwo);
  Draws draws;
  Round round = draws.round();
  const Terms g = game->loss({"generator"}, round);
  const Terms d = game->loss({"discriminator"}, round);  // of what the generators made, the pool being empty
  const at::Tensor x = Draws().data.normal({4, 3, 16, 16}).tanh();
  const at::Tensor a = x.index_select(0, at::tensor({0, 2})), b = x.index_select(0, at::tensor({1, 3}));
  auto& to_b = dynamic_cast<Translator&>(*game->module("a_to_b"));
  auto& to_a = dynamic_cast<Translator&>(*game->module("b_to_a"));
  auto& judge_a = dynamic_cast<PatchDiscriminator&>(*game->module("judge_a"));
  auto& judge_b = dynamic_cast<PatchDiscriminator&>(*game->module("judge_b"));
  const at::Tensor made_b = to_b.forward(a), made_a = to_a.forward(b);
  const auto squares = [](const at::Tensor& logits, double label) {
    return 0.5 * (logits - label).square().mean().item<double>();
  };
  const auto off = [](const at::Tensor& p, const at::Tensor& q) { return (p - q).abs().mean().item<double>(); };
  EXPECT_NEAR(term(g, "main"), squares(judge_a.forward(made_a), 1) + squares(judge_b.forward(made_b), 1), 1e-5);
  EXPECT_NEAR(term(g, "cycle"), 5 * (off(to_a.forward(made_b), a) + off(to_b.forward(made_a), b)), 1e-4);
  EXPECT_NEAR(term(g, "identity"), 2.5 * (off(to_a.forward(a), a) + off(to_b.forward(b), b)), 1e-4);
  EXPECT_NEAR(term(d, "main"),
              squares(judge_a.forward(a), 1) + squares(judge_a.forward(made_a), 0) + squares(judge_b.forward(b), 1) +
                  squares(judge_b.forward(made_b), 0),
              1e-5);
}

TEST(CycleGan, APenaltyIsOfThePatchesMeanLogitOfBothSides) {
  Recipe r = recipe("r1 = { weight = 4.0, interval = 2 }");
  const auto game = build_game(r, kTwo);
  ASSERT_EQ(game->phases().size(), 3u);
  Draws draws;
  Round round = draws.round();
  double found = 0;
  const Terms terms = game->loss(game->phases()[2], round);
  for (const auto& [name, value] : terms.terms()) found += name == "r1" ? value.item<double>() : 1e9;
  const at::Tensor x = Draws().data.normal({4, 3, 16, 16}).tanh();
  double expected = 0;
  for (const auto& [name, first] : {std::pair{"judge_a", 0}, std::pair{"judge_b", 1}}) {
    auto& judge = dynamic_cast<PatchDiscriminator&>(*game->module(name));
    const at::Tensor real = x.index_select(0, at::tensor({first, first + 2})).requires_grad_();
    const auto mean = [&](const at::Tensor& at) { return judge.forward(at).flatten(1).mean(1); };
    const at::Tensor g = gradient(mean(real), real);
    const double step = 0.02 / g.norm().item<double>();  // along itself a function rises by the gradient's square
    expected += ((mean(real + step * g) - mean(real - step * g)) / (2 * step)).mean().item<double>();
  }
  EXPECT_NEAR(found, 2 * 0.5 * 4 * expected, 0.02 * found);
}

TEST(CycleGan, EachPhaseMovesItsOwnPlayerAndSavesItsPools) {
  for (const char* loss : {"least-squares", "hinge", "relativistic-pairing"}) {
    Recipe r = recipe(std::string("pool = 3\nloss = '") + loss + "'");
    const auto a = build_game(r, kTwo), b = build_game(r, kTwo);
    const auto play = [&](Game& game, Draws& draws) {
      std::vector<double> values;
      for (int i = 0; i < 3; ++i) {
        Round round = draws.round();
        for (const Phase& phase : game.phases()) {
          for (Player& p : game.players())
            for (auto& [name, tensor] : p.parameters()) at::Tensor(tensor).mutable_grad().reset();
          values.push_back(game.gradients({phase}, round)[0].total().item<double>());
          for (Player& p : game.players())
            for (const auto& [name, tensor] : p.parameters()) {
              if (tensor.grad().defined()) {
                EXPECT_EQ(p.name, phase.player) << name;
              }
            }
        }
      }
      return values;
    };
    Draws one, two;
    EXPECT_EQ(play(*a, one), play(*b, two)) << loss;
    EXPECT_EQ(find_tensor(a->state(), "pool_a.count", "state").item<int64_t>(), 3);
    const auto resumed = build_game(r, kTwo);
    copy_named(resumed->weights(), a->weights(), "test");
    copy_named(resumed->state(), a->state(), "test");
    EXPECT_EQ(play(*a, one), play(*resumed, two)) << loss;
  }
}

TEST(CycleGan, ItsModelTranslatesToTheClassAskedForAndComesBackFromItsFile) {
  testing::TemporaryFolder folder;
  Recipe r = recipe("", "kind = 'unet'\nwidth = 4\ndepth = 3");
  const auto game = build_game(r, kTwo);
  save_model(folder.file("m.safetensors"), r, kTwo, *game);
  const LoadedModel loaded = load_model(folder.file("m.safetensors"));
  freeze(*game, {});
  const at::Tensor x = Rng(1).normal({3, 3, 16, 16}).tanh(), y = at::tensor({1, 0, 1}, at::kLong);
  const at::Tensor made = loaded.model->decode(x, y);
  EXPECT_TRUE(loaded.model->translates());
  EXPECT_TRUE(at::equal(made, game->model()->decode(x, y)));
  const at::Tensor alone = dynamic_cast<Translator&>(*game->module("b_to_a")).forward(x.narrow(0, 1, 1));
  EXPECT_LT((made[1] - alone[0]).abs().max().item<double>(), 1e-5);
  Recipe again = parse_recipe({write_options(r), "effective", {}});
  EXPECT_TRUE(differing_options(r, again).empty());
}

TEST(CycleGan, NeedsTwoClasses) {
  Recipe r = recipe();
  Domain three = kTwo;
  three.classes.push_back("C");
  EXPECT_THAT(refusal([&] { build_game(r, three); }), HasSubstr("trainA"));
}

TEST(ImagePool, KeepsTheFirstImagesAndThenExchangesHalf) {
  ImagePool pool(10, {1});
  Rng rng(1);
  const at::Tensor first = at::arange(10, at::kFloat).view({10, 1});
  EXPECT_TRUE(at::equal(pool.exchange(first, rng), first));
  int64_t older = 0;
  for (int i = 0; i < 200; ++i) {
    const at::Tensor fresh = at::full({1, 1}, 100.0 + i);
    if (!at::equal(pool.exchange(fresh, rng), fresh)) ++older;
  }
  EXPECT_NEAR(older, 100, 25);  // standard deviation 7
}

}  // namespace
}  // namespace obverse
