#include "obverse/train/transfer.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../temporary_folder.h"
#include "obverse/core/autograd.h"
#include "obverse/games/gan.h"
#include "obverse/games/recipe.h"
#include "obverse/io/safetensors.h"
#include "obverse/train/trainer.h"
#include "tests/refusal.h"

namespace obverse {
namespace {

using ::testing::HasSubstr;

Recipe recipe_of(const std::string& game, const std::string& g = "[64, 32]", const std::string& d = "[32, 64]") {
  return parse_recipe({"name = 'm'\n[game]\nz_dim = 5\n" + game + "[generator]\nkind = 'dcgan'\nchannels = " + g +
                           "\n[discriminator]\nkind = 'dcgan'\nbatch_norm = false\nchannels = " + d +
                           "\n[train]\nprecision = 'float32'\n[eval]\nmetrics = []\n",
                       "text",
                       {}});
}

Domain images(int64_t channels, int64_t side, int64_t classes = 0) {
  Domain domain;
  domain.shape = {channels, side, side};
  for (int64_t i = 0; i < classes; ++i) domain.classes.push_back(std::to_string(i));
  return domain;
}

std::unique_ptr<Game> game_of(Recipe recipe, const Domain& domain, int64_t seed) {
  recipe.train.seed = seed;
  auto game = build_game(recipe, domain);
  freeze(*game, {});
  return game;
}

TEST(Transfer, BetweenLikeModelsTakesEverythingOver) {
  const auto from = game_of(recipe_of(""), images(1, 16), 0), to = game_of(recipe_of(""), images(1, 16), 1);
  const Transfer t = transfer_weights(to->weights(), from->weights());
  EXPECT_EQ(t.copied, static_cast<int64_t>(to->weights().size()));
  EXPECT_EQ(t.adapted, 0);
  EXPECT_TRUE(t.fresh.empty());
  const at::Tensor z = at::randn({3, 5});
  EXPECT_TRUE(to->model()->decode(z, {}).equal(from->model()->decode(z, {})));
}

TEST(Transfer, FromGreyToColourMakesAndSeesTheSameInGrey) {
  const auto from = game_of(recipe_of(""), images(1, 16), 0), to = game_of(recipe_of(""), images(3, 16), 1);
  const Transfer t = transfer_weights(to->weights(), from->weights());
  EXPECT_TRUE(t.fresh.empty());
  EXPECT_GE(t.adapted, 2);
  const at::Tensor z = at::randn({3, 5}), grey = from->model()->decode(z, {}), x = at::randn({2, 1, 16, 16});
  EXPECT_TRUE(at::allclose(to->model()->decode(z, {}), grey.expand({3, 3, 16, 16}), 1e-4, 1e-5));
  EXPECT_TRUE(at::allclose(to->model()->features(x.expand({2, 3, 16, 16}).contiguous()), from->model()->features(x),
                           1e-4, 1e-5));
  transfer_weights(from->weights(), to->weights());  // and back
  EXPECT_TRUE(at::allclose(from->model()->decode(z, {}), grey, 1e-4, 1e-5));
}

TEST(Transfer, AlignsStagesAtTheCoarseEnd) {
  const auto from = game_of(recipe_of(""), images(1, 16), 0),
             to = game_of(recipe_of("", "[64, 32, 16]", "[16, 32, 64]"), images(1, 32), 1);
  const Transfer t = transfer_weights(to->weights(), from->weights());
  const NamedTensors now = to->weights(), then = from->weights();
  const auto tensor = [](const NamedTensors& all, const std::string& name) { return find_tensor(all, name, "game"); };
  EXPECT_TRUE(tensor(now, "discriminator.trunk.conv2.weight").equal(tensor(then, "discriminator.trunk.conv1.weight")));
  EXPECT_TRUE(tensor(now, "generator.project.weight").equal(tensor(then, "generator.project.weight")));
  EXPECT_FALSE(t.fresh.empty());  // the finest stages
  for (const std::string& name : t.fresh) EXPECT_EQ(name.find("conv2"), std::string::npos) << name;
}

TEST(Transfer, NewClassesBeginAtTheMeanOfTheOld) {
  const auto from = game_of(recipe_of("conditional = true\n"), images(1, 16, 4), 0),
             to = game_of(recipe_of("conditional = true\n"), images(1, 16, 3), 1);
  EXPECT_TRUE(transfer_weights(to->weights(), from->weights()).fresh.empty());
  int rows = 0;
  for (const auto& [name, tensor] : to->weights()) {
    const at::Tensor before = find_tensor(from->weights(), name, "game");
    if (before.sizes() == tensor.sizes()) continue;
    EXPECT_TRUE(at::allclose(tensor[0], before.mean(0)) && at::allclose(tensor[2], before.mean(0))) << name;
    ++rows;
  }
  EXPECT_GT(rows, 0);
}

// A run begun from a model starts with what that model made; frozen layers of D stay to the bit, the others move.
TEST(Transfer, ARunBeginsFromAModelAndHoldsLayers) {
  const testing::TemporaryFolder folder;
  const auto data = std::make_shared<Dataset>(
      Dataset{"noise", "train", images(1, 16), (at::rand({64, 1, 16, 16}) * 255).to(at::kByte), {}});
  Recipe recipe = recipe_of("");
  recipe.train.kimg = 0.05;
  recipe.train.batch = 5;
  recipe.train.monitors = false;
  const RunFolder first = RunFolder::create(folder.path(), "m");
  ASSERT_EQ(train(recipe, data, first, {}), Outcome::finished);
  recipe.train.init = first.path();
  recipe.train.freeze_d = 1;
  recipe.train.seed = 3;
  const RunFolder second = RunFolder::create(folder.path(), "m");
  ASSERT_EQ(train(recipe, data, second, {}), Outcome::finished);
  const NamedTensors before = read_safetensors(first.file("model.safetensors")).tensors,
                     after = read_safetensors(second.file("model.safetensors")).tensors;
  const auto same = [&](const std::string& name) {
    return find_tensor(before, name, "first").equal(find_tensor(after, name, "second"));
  };
  EXPECT_TRUE(same("discriminator.trunk.conv0.weight"));
  EXPECT_TRUE(same("discriminator.trunk.conv0.bias"));
  EXPECT_FALSE(same("discriminator.trunk.conv1.weight"));
  EXPECT_FALSE(same("generator.project.weight"));
  const auto refused = [&] {
    return testing::refusal([&] { train(recipe, data, RunFolder::create(folder.path(), "m"), {}); });
  };
  recipe.train.freeze_d = 3;
  EXPECT_THAT(refused(), HasSubstr("no more layers"));
  recipe.train.freeze_d = 9;
  EXPECT_THAT(refused(), HasSubstr("lower it"));
  recipe.train.freeze_d = 1;
  recipe.train.init.clear();
  EXPECT_THAT(refused(), HasSubstr("train.init"));
}

// The layer next to the image, whatever else a module of layers holds itself.
TEST(Transfer, TheFirstLayersAreThoseNextToTheImage) {
  for (const auto& [kind, first, second] :
       {std::tuple{"r3gan", "trunk.in.weight", "trunk.basis"}, {"progressive", "stage0.image.weight", "in.weight"}}) {
    const std::string networks = fmt::format(
        "[generator]\nkind = '{0}'\nchannels = [16, 16]\n[discriminator]\nkind = '{0}'\nchannels = [16, 16]\n", kind);
    const Recipe recipe = parse_recipe({networks, "text", {}});
    const auto game = build_game(recipe, images(1, 16));
    for (const auto& [name, module] : game->modules()) {
      if (name != "discriminator") continue;
      module->hold_layers(1);
      for (const auto& [key, tensor] : module->parameters()) {
        if (key == first || key == second) {
          EXPECT_EQ(tensor.requires_grad(), key == second) << kind;
        }
      }
      EXPECT_TRUE(find_tensor(module->parameters(), first, kind).defined());
    }
  }
}

}  // namespace
}  // namespace obverse
