#include "obverse/games/encoder.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <filesystem>

#include "obverse/core/autograd.h"
#include "obverse/games/recipe.h"
#include "tests/refusal.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;
using ::testing::HasSubstr;

Domain points(int64_t numbers) {
  Domain domain;
  domain.kind = Domain::Kind::points;
  domain.shape = {numbers};
  return domain;
}

EncoderGameOptions small_options() {
  EncoderGameOptions options;
  options.z_dim = 2;
  options.generator = {generator_table(), "mlp"};
  options.discriminator = {discriminator_table(), "mlp"};
  options.encoder = {encoder_table(), "mlp"};
  return options;
}

// A few rounds of Adam, without a trainer; real samples are the generator's own.
void learn(Game& game, int64_t rounds, double lr) {
  Rng rng(1, "rounds"), data(1, "data");
  const NamedTensors parameters = game.player("encoder").parameters();
  std::vector<at::Tensor> first, second;
  for (const auto& [name, p] : parameters) {
    first.push_back(at::zeros_like(p));
    second.push_back(at::zeros_like(p));
  }
  const auto model = game.model();
  for (int64_t t = 1; t <= rounds; ++t) {
    Round round([&] { return sample(*model, 64, data); }, rng);
    round.batch = 64;
    game.gradients(game.phases(), round);
    without_grad([&] {
      for (size_t i = 0; i < parameters.size(); ++i) {
        at::Tensor p = parameters[i].second, g = p.grad();
        first[i].lerp_(g, 0.1);
        second[i].lerp_(g.square(), 0.01);
        const double rate =
            lr * (1 - static_cast<double>(t) / rounds) * std::sqrt(1 - std::pow(0.99, t)) / (1 - std::pow(0.9, t));
        p.sub_(rate * first[i] / (second[i].sqrt() + 1e-8));
        p.mutable_grad().reset();
      }
      return 0;
    });
  }
}

TEST(EncoderGame, LearnsTheInverseOfAFrozenRandomGenerator) {
  EncoderGame game(small_options(), points(8), 3);
  learn(game, 400, 3e-3);
  Rng rng(5);
  const auto model = game.model();
  without_grad([&] {
    const at::Tensor z = rng.normal({500, 2}), x = model->decode(z, {}), found = model->encode(x, {});
    EXPECT_LT((found - z).square().mean().item<double>(), 0.01);
    EXPECT_LT((model->decode(found, {}) - x).square().mean().item<double>(), 0.01 * x.var().item<double>());
    return 0;
  });
}

// weights: latent, image, feature
double value_of(const char* term, double latent, double image, double feature, double factor) {
  EncoderGameOptions options = small_options();
  options.latent_weight = latent * factor;
  options.image_weight = image * factor;
  options.feature_weight = feature * factor;
  EncoderGame game(options, points(3), 1);
  Rng rng(2), data(3);
  Round round([&] { return Batch{data.normal({4, 3}), {}}; }, rng);
  round.batch = 4;
  const Terms terms = game.loss(game.phases().front(), round);
  EXPECT_EQ(terms.terms().size(), 1u);
  EXPECT_EQ(terms.terms().front().first, term);
  return terms.total().item<double>();
}

TEST(EncoderGame, TermsAreThoseOfTheFormulas) {
  EncoderGame game(small_options(), points(3), 1);
  Rng rng(2), data(3);
  const at::Tensor x = data.normal({4, 3}), z = rng.normal({4, 2});
  const auto model = game.model();
  const at::Tensor back = model->decode(model->encode(x, {}), {});
  EXPECT_NEAR(value_of("latent", 1, 0, 0, 2),
              2 * (model->encode(model->decode(z, {}), {}) - z).square().mean().item<double>(), 1e-5);
  EXPECT_NEAR(value_of("image", 0, 1, 0, 3), 3 * (back - x).square().mean().item<double>(), 1e-5);
  const at::Tensor f = model->features(x), off = model->features(back) - f;
  EXPECT_NEAR(value_of("feature", 0, 0, 1, 1), (off.square().sum(1) / f.square().sum(1)).mean().item<double>(), 1e-5);
}

TEST(EncoderGame, GivesGradientsToTheEncoderAlone) {
  EncoderGame game(small_options(), points(3), 1);
  Rng rng(2), data(3);
  Round round([&] { return Batch{data.normal({4, 3}), {}}; }, rng);
  round.batch = 4;
  game.gradients(game.phases(), round);
  for (const auto& [name, module] : game.modules())
    for (const auto& [key, p] : module->parameters())
      EXPECT_EQ(p.grad().defined(), name == "encoder") << name << "." << key;
}

// A folder of its own, with the file of a small gan that nobody trained.
class EncoderFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "encoder_game";
    std::filesystem::create_directories(folder_);
    gan_ = save("gan",
                "[game]\nkind = \"gan\"\nz_dim = 3\n[generator]\nkind = \"mlp\"\nwidths = [7]\n"
                "[discriminator]\nkind = \"mlp\"\nwidths = [5]\n[train]\nseed = 4\n",
                points(6));
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string save(const std::string& name, const std::string& text, const Domain& domain) const {
    Recipe recipe = parse_recipe({text, name, {}});
    const auto game = build_game(recipe, domain);
    game->begin();
    const std::string path = folder_ + "/" + name + ".safetensors";
    save_model(path, recipe, domain, *game);
    return path;
  }
  std::string recipe_text() const {
    return "[game]\nkind = \"encoder\"\nmodel = \"" + gan_ + "\"\n[encoder]\nkind = \"mlp\"\n[train]\nseed = 9\n";
  }
  std::string folder_, gan_;
};

TEST_F(EncoderFiles, AnEncodersModelFileStandsByItself) {
  const LoadedModel source = load_model(gan_);
  const std::string path = save("encoder", recipe_text(), points(6));
  std::filesystem::remove(gan_);
  const LoadedModel loaded = load_model(path);
  Rng rng(1);
  const at::Tensor z = rng.normal({5, 3});
  const at::Tensor x = source.model->decode(z, {});
  EXPECT_TRUE(loaded.model->decode(z, {}).equal(x));
  EXPECT_TRUE(loaded.model->features(x).equal(source.model->features(x)));
  EXPECT_EQ(loaded.model->encode(x, {}).sizes(), z.sizes());
}

TEST_F(EncoderFiles, AnEncodersModelCanBeTheSourceOfAnother) {
  const std::string first = save("encoder", recipe_text(), points(6));
  const std::string second =
      save("second", "[game]\nkind = \"encoder\"\nmodel = \"" + first + "\"\n[encoder]\nkind = \"mlp\"\n", points(6));
  const at::Tensor z = at::ones({1, 3});
  EXPECT_TRUE(load_model(second).model->decode(z, {}).equal(load_model(gan_).model->decode(z, {})));
}

TEST_F(EncoderFiles, TheEffectiveRecipeHoldsTheNetworksOfTheModel) {
  Recipe recipe = parse_recipe({recipe_text(), "encoder.toml", {}});
  const std::string text = write_options(recipe);
  EXPECT_THAT(text, ::testing::AllOf(HasSubstr("widths = [7]"), HasSubstr("widths = [5]"), HasSubstr("z_dim = 3"),
                                     HasSubstr(load_model(gan_).model->hash)));
}

TEST_F(EncoderFiles, AModelThatChangedSinceIsRefused) {
  const Recipe recipe = parse_recipe({recipe_text(), "encoder.toml", {}});
  save("gan", "[game]\nkind = \"gan\"\nz_dim = 3\n[generator]\nkind = \"mlp\"\n[discriminator]\nkind = \"mlp\"\n",
       points(6));
  EXPECT_THAT(refusal([&] { build_game(recipe, points(6))->begin(); }), HasSubstr("has changed since"));
}

TEST_F(EncoderFiles, DataOfAnotherKindThanTheModelsAreRefused) {
  const Recipe recipe = parse_recipe({recipe_text(), "encoder.toml", {}});
  EXPECT_THAT(refusal([&] { build_game(recipe, points(4))->begin(); }), HasSubstr("was trained on"));
}

TEST_F(EncoderFiles, ARecipeMustNameAModel) {
  EXPECT_THAT(refusal([] {
                parse_recipe({"[game]\nkind = \"encoder\"\n", "encoder.toml", {}});
              }),
              HasSubstr("game.model"));
  EXPECT_THAT(refusal([] {
                parse_recipe({"[game]\nkind = \"encoder\"\nmodel = \"/nowhere\"\n", "encoder.toml", {}});
              }),
              HasSubstr("/nowhere"));
}

TEST_F(EncoderFiles, AModelOfMixturesIsRefused) {
  const std::string vae =
      save("mixtures",
           "[game]\nkind = \"vae\"\nlikelihood = \"logistic-mixture\"\nz_dim = 3\n[generator]\nkind = "
           "\"mlp\"\nwidths = [7]\n[encoder]\nkind = \"mlp\"\nwidths = [7]\n",
           {Domain::Kind::image, {1, 4, 4}, 256, {}});
  EXPECT_THAT(refusal([&] {
                parse_recipe({"[game]\nkind = \"encoder\"\nmodel = \"" + vae + "\"\n", "encoder.toml", {}});
              }),
              HasSubstr("mixtures"));
}

TEST_F(EncoderFiles, SomethingMustBeLearnt) {
  EXPECT_THAT(
      refusal([&] {
        parse_recipe(
            {recipe_text(), "encoder.toml", {"game.latent_weight=0", "game.image_weight=0", "game.feature_weight=0"}});
      }),
      HasSubstr("nothing to learn"));
}

}  // namespace
}  // namespace obverse
