#include "obverse/games/gan.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "../temporary_folder.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/games/recipe.h"
#include "obverse/io/files.h"
#include "tests/refusal.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;
using ::testing::HasSubstr;

const Domain kPlane = {Domain::Kind::points, {2}, 0, {}};
const Domain kImages = {Domain::Kind::image, {1, 16, 16}, 256, {"a", "b", "c"}};

Recipe recipe_of(const std::string& text) { return parse_recipe({text, "test", {}}); }

Recipe toy(const std::string& game) {
  return recipe_of("[game]\nz_dim = 2\n" + game +
                   "\n[generator]\nkind = \"mlp\"\nwidths = [8]\n[discriminator]\nkind = \"mlp\"\nwidths = [8]\n");
}

/// A round over a fixed stream of random batches.
struct Rounds {
  Domain domain;
  Rng data{1}, latents{2};
  Round next() {
    Round round(
        [this] {
          std::vector<int64_t> shape = domain.shape;
          shape.insert(shape.begin(), 4);
          return Batch{data.normal(shape), domain.classes.empty() ? at::Tensor() : data.integers(3, {4})};
        },
        latents);
    round.batch = 4;
    return round;
  }
};

TEST(Gan, PenaltiesAtSamplesOfTheGeneratorCutItsGraphOff) {
  const auto intertwined = [](const std::string& penalty) { return build_game(toy(penalty), kPlane)->intertwined(); };
  EXPECT_TRUE(intertwined(""));
  EXPECT_TRUE(intertwined("r1 = { weight = 1.0 }"));
  EXPECT_FALSE(intertwined("r2 = { weight = 1.0 }"));
  EXPECT_FALSE(intertwined("wgan-gp = { weight = 1.0 }"));
}

TEST(Gan, EveryLossWithEveryPenaltyGivesFiniteGradientsToItsOwnPlayerOnly) {
  for (const AdversarialLoss& loss : adversarial_table())
    for (const Penalty& penalty : penalty_table()) {
      const Recipe recipe = toy("loss = \"" + loss.name + "\"\n" + penalty.name + " = { weight = 1.0 }");
      const auto game = build_game(recipe, kPlane);
      Rounds rounds{kPlane};
      Round round = rounds.next();
      for (const Phase& phase : game->phases()) {
        for (Player& p : game->players())
          for (auto& [name, tensor] : p.parameters()) at::Tensor(tensor).mutable_grad().reset();
        const std::vector<Terms> terms = game->gradients({phase}, round);
        EXPECT_TRUE(at::isfinite(terms[0].total()).item<bool>()) << loss.name << " " << penalty.name;
        for (Player& p : game->players())
          for (const auto& [name, tensor] : p.parameters()) {
            const bool last_bias =
                name.find("head.bias") != std::string::npos || name.find("out.bias") != std::string::npos;
            if (p.name == phase.player && last_bias) continue;                      // a relativistic loss cancels it
            if (loss.witness && name.find("head.") != std::string::npos) continue;  // a loss of features needs none
            EXPECT_EQ(tensor.grad().defined(), p.name == phase.player)
                << loss.name << " " << penalty.name << " " << name;
          }
      }
    }
}

// R1 shares the forward pass over real samples, R2 the one over generated samples: the values must be those of separate
// passes.
TEST(Gan, PenaltiesThatShareAPassEqualThoseTakenAlone) {
  const auto value = [](const std::string& penalty, int64_t interval) {
    const Recipe recipe = toy(penalty + " = { weight = 3.0, interval = " + std::to_string(interval) + " }");
    const auto game = build_game(recipe, kPlane);
    Rounds rounds{kPlane};
    Round round = rounds.next();
    const Phase phase{"discriminator", interval == 1 ? "main" : penalty};
    const std::vector<Terms> terms = game->gradients({phase}, round);
    for (const auto& [name, term] : terms[0].terms())
      if (name == penalty) return term.item<double>() / static_cast<double>(interval);
    return -1.0;
  };
  for (const char* penalty : {"r1", "r2"}) EXPECT_NEAR(value(penalty, 1), value(penalty, 2), 1e-6) << penalty;
}

TEST(Gan, ALazyPenaltyIsAPhaseOfItsOwn) {
  const auto game = build_game(toy("critic_steps = 3\nr1 = { weight = 1.0, interval = 16 }"), kPlane);
  const std::vector<Phase> phases = game->phases();
  ASSERT_EQ(phases.size(), 3u);
  EXPECT_EQ(phases[0].repeats, 3);
  EXPECT_EQ(phases[1].name, "r1");
  EXPECT_EQ(phases[1].interval, 16);
  EXPECT_EQ(phases[1].repeats, 3);  // as strong beside each of D's steps as a penalty of every round
  EXPECT_EQ(game->batches_per_round(), 3);
}

TEST(Gan, APenaltyOfWeightZeroIsNoPhase) {
  EXPECT_EQ(build_game(toy("r1 = { weight = 0.0, interval = 16 }"), kPlane)->phases().size(), 2u);
}

TEST(Gan, ClassesThatNoTermLearnsAreRefused) {
  for (const char* kind : {"vae-gan", "adversarial-autoencoder"})
    EXPECT_THAT(refusal([&] {
                  build_game(recipe_of("[game]\nkind = \"" + std::string(kind) +
                                       "\"\nconditional = true\n[generator]\nkind = \"mlp\"\n[encoder]\nkind = "
                                       "\"mlp\"\n[discriminator]\nkind = \"mlp\"\nconditioning = \"auxiliary\"\n"),
                             kImages);
                }),
                HasSubstr("no term for D's classes"));
}

TEST(Gan, OnlyTheOwnersMainPhaseMovesRunningStatistics) {
  const Recipe recipe = recipe_of(
      "[generator]\nkind = \"dcgan\"\nchannels = [8, 4]\n[discriminator]\nkind = \"dcgan\"\nchannels = [4, "
      "8]\n[game]\nconditional = true\nr1 = { weight = 1.0, interval = 4 }\n");
  const auto game = build_game(recipe, kImages);
  Rounds rounds{kImages};
  Round round = rounds.next();
  const auto moved = [&](const std::string& module, const Phase& phase) {
    NamedTensors before = game->module(module)->buffers();
    EXPECT_FALSE(before.empty());
    for (auto& [name, tensor] : before) tensor = tensor.clone();
    game->gradients({phase}, round);
    const NamedTensors after = game->module(module)->buffers();
    bool any = false;
    for (size_t i = 0; i < before.size(); ++i) any |= !at::equal(before[i].second, after[i].second);
    return any;
  };
  EXPECT_TRUE(moved("discriminator", {"discriminator", "main"}));
  EXPECT_FALSE(moved("discriminator", {"discriminator", "r1"}));
  EXPECT_FALSE(moved("discriminator", {"generator", "main"}));
  EXPECT_TRUE(moved("generator", {"generator", "main"}));
  EXPECT_FALSE(moved("generator", {"discriminator", "main"}));
}

TEST(Gan, ConditionalWithoutLabelsIsRefused) {
  const Recipe recipe = toy("conditional = true");
  EXPECT_THROW(build_game(recipe, kPlane), UserError);
}

TEST(Recipes, EveryShippedRecipeIsReadAndSaysWhatItIs) {
  for (const auto& entry : std::filesystem::directory_iterator(std::string(OBVERSE_SOURCE_DIR) + "/recipes")) {
    const std::string text = read_file(entry.path());
    if (text.find("kind = \"encoder\"") != std::string::npos) continue;  // reads the model that it names
    const Recipe recipe = read_recipe(entry.path());
    EXPECT_EQ(recipe.name, entry.path().stem().string());
    EXPECT_FALSE(recipe.about.empty()) << entry.path();
  }
}

TEST(ModelFile, HoldsAllThatIsNeededToDecodeTheSame) {
  testing::TemporaryFolder folder;
  Recipe recipe = recipe_of(
      "[generator]\nkind = \"dcgan\"\nchannels = [8, 4]\n[discriminator]\nkind = \"dcgan\"\nchannels = [4, "
      "8]\n[game]\nconditional = true\nz_dim = 5\n");
  const auto game = build_game(recipe, kImages);
  save_model(folder.file("m.safetensors"), recipe, kImages, *game);
  const LoadedModel loaded = load_model(folder.file("m.safetensors"));
  freeze(*game, {});
  const at::Tensor z = Rng(0).normal({3, 5}), y = at::arange(3, at::kLong);
  EXPECT_TRUE(at::equal(loaded.model->decode(z, y), game->model()->decode(z, y)));
  EXPECT_EQ(loaded.domain, kImages);
  EXPECT_EQ(loaded.domain.classes, kImages.classes);
  EXPECT_EQ(loaded.model->hash.size(), 64u);
  EXPECT_FALSE(loaded.model->can_encode());
  EXPECT_THROW(loaded.model->encode(at::zeros({1, 1, 16, 16}), {}), UserError);
}

TEST(ModelFile, CutShortOrForeignItIsRefusedByName) {
  testing::TemporaryFolder folder;
  Recipe recipe = toy("");
  save_model(folder.file("m.safetensors"), recipe, kPlane, *build_game(recipe, kPlane));
  const std::string whole = read_file(folder.file("m.safetensors"));
  for (const size_t length : {size_t{0}, size_t{7}, size_t{50}, whole.size() / 2, whole.size() - 1}) {
    write_file(folder.file("cut.safetensors"), whole.substr(0, length));
    EXPECT_THAT(refusal([&] { load_model(folder.file("cut.safetensors")); }), HasSubstr("cut.safetensors"));
  }
}

}  // namespace
}  // namespace obverse
