#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <algorithm>

#include "../temporary_folder.h"
#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/games/recipe.h"

namespace obverse {
namespace {

/// A kind of game with small networks; every row of game_table() but "encoder", whose recipes name files, and
/// "cyclegan", whose data are of two classes, is here.
struct Variant {
  std::string kind, game, tables;
  bool images = true;
};

const char* kGenerator = "[generator]\nkind = 'dcgan'\nchannels = [8, 4]\n";
const char* kEncoder = "[encoder]\nkind = 'dcgan'\nchannels = [4, 8]\n";
const char* kDiscriminator = "[discriminator]\nkind = 'dcgan'\nchannels = [4, 8]\n";
const char* kPoints = "[generator]\nkind = 'mlp'\nwidths = [8]\n[encoder]\nkind = 'mlp'\nwidths = [8]\n";

const std::vector<Variant>& variants() {
  static const std::string pair = std::string(kGenerator) + kEncoder, all = pair + kDiscriminator;
  static const std::vector<Variant> list = {
      {"gan", "conditional = true", std::string(kGenerator) + kDiscriminator},
      {"bigan", "conditional = true\nprior = 'uniform'", all + "pair = { code_widths = [6], widths = [6] }\n"},
      {"bigan", "stochastic = true\nr1 = 1.0\nr2 = 1.0", all + "batch_norm = false\npair = { batch_norm = false }\n"},
      {"bigan", "stochastic = true\ncycle_image = 1.0\ncycle_latent = 1.0\nloss = 'relativistic-pairing'",
       std::string(kPoints) + "[discriminator]\nkind = 'mlp'\nwidths = [8]\n", false},
      {"veegan", "", all},
      {"veegan", "", std::string(kPoints) + "[discriminator]\nkind = 'mlp'\nwidths = [8]\n", false},
      {"two-way", "penalty_interval = 2", all + "batch_norm = true\npair = { code_widths = [6] }\n"},
      {"joint-regressor", "conditional = true\nprior = 'uniform'", all},
      {"vae", "conditional = true\nlikelihood = 'bernoulli'\nbinarise = true", pair},
      {"vae", "likelihood = 'discretised-logistic'\nsamples = 3\nimportance = true", pair},
      {"vae", "beta = 2.0\nfree_bits = 0.1", kPoints, false},
      {"vae-gan", "conditional = true\nimage_weight = 0.5", all},
      {"vae-gan", "r1 = { weight = 1.0 }\nwgan-gp = { weight = 1.0, interval = 2 }", all},
      {"adversarial-autoencoder", "conditional = true\nr2 = { weight = 1.0 }\ndragan = { weight = 1.0, interval = 3 }",
       pair + "[discriminator]\nkind = 'mlp'\nwidths = [8]\n"},
      {"adversarial-autoencoder", "conditional = true\nstochastic = true",
       pair + "[discriminator]\nkind = 'mlp'\nwidths = [8]\n"},
      {"flow", "", "[flow]\nkind = 'realnvp'\nwidth = 4\nblocks = 0\n"},
      {"flow", "", "[flow]\nkind = 'glow'\nwidth = 4\nsteps = 2\n"},
      {"flow", "", "[flow]\nkind = 'maf'\nwidths = [8]\nlayers = 2\n", false},
      {"made", "", "[network]\nwidths = [16]\n"},
  };
  return list;
}

class EveryGame : public ::testing::TestWithParam<Variant> {
 protected:
  Domain domain() const {
    if (!GetParam().images) return {Domain::Kind::points, {2}, 0, {}};
    return {Domain::Kind::image, {1, 8, 8}, 256, {"a", "b", "c"}};
  }
  Recipe recipe() const {
    const Variant& v = GetParam();
    std::string text = "[game]\nkind = '" + v.kind + "'\n" + v.game + "\n";
    if (v.kind != "flow" && v.kind != "made") text += "z_dim = 3\n";
    return parse_recipe({text + v.tables, "test", {}});
  }
  Batch batch(int64_t n, uint64_t seed = 1) const {
    Rng rng(seed);
    if (!GetParam().images) return {rng.normal({n, 2}), {}};
    return {rng.integers(256, {n, 1, 8, 8}).to(at::kFloat) / 127.5 - 1, rng.integers(3, {n})};
  }
  std::vector<Terms> play(Game& game, const std::vector<Phase>& phases, uint64_t seed = 5) const {
    Rng rng(seed);
    Round round([this] { return batch(6); }, rng);
    round.batch = 6;
    return game.gradients(phases, round);
  }
};

void forget_gradients(Game& game) {
  for (Player& p : game.players())
    for (auto& [name, tensor] : p.parameters()) at::Tensor(tensor).mutable_grad().reset();
}

TEST_P(EveryGame, APhaseGivesFiniteGradientsToItsOwnPlayerOnly) {
  Recipe r = recipe();
  const auto game = build_game(r, domain());
  for (const Phase& phase : game->phases()) {
    forget_gradients(*game);
    for (const Terms& terms : play(*game, {phase})) {
      EXPECT_FALSE(terms.terms().empty());
      for (const auto& [name, value] : terms.terms()) EXPECT_TRUE(at::isfinite(value).item<bool>()) << name;
    }
    int64_t with = 0;
    for (Player& p : game->players())
      for (const auto& [name, tensor] : p.parameters()) {
        if (!tensor.grad().defined()) continue;
        EXPECT_EQ(p.name, phase.player) << name;
        EXPECT_TRUE(at::isfinite(tensor.grad()).all().item<bool>()) << name;
        ++with;
      }
    EXPECT_GT(with, 0) << phase.player;
  }
}

TEST_P(EveryGame, EveryPlayersGradientsExistAfterAllMainPhasesTogether) {
  Recipe r = recipe();
  const auto game = build_game(r, domain());
  play(*game, game->phases());
  for (Player& p : game->players()) {
    const NamedTensors parameters = p.parameters();
    EXPECT_TRUE(std::any_of(parameters.begin(), parameters.end(), [](const auto& entry) {
      return entry.second.grad().defined();
    })) << p.name;
  }
}

// Consensus steps need it: what one player's loss says of the others' parameters.
TEST_P(EveryGame, ADiscriminatorsLossHasAGradientInTheOthersWhereTheGameSaysThatItDoes) {
  Recipe r = recipe();
  const auto game = build_game(r, domain());
  NamedTensors others;
  bool judged = false;
  for (Player& p : game->players()) {
    for (auto& [name, module] : p.modules) module->set_requires_grad(true);
    if (p.name == "discriminator") {
      judged = true;
      continue;
    }
    const NamedTensors own = p.parameters();
    others.insert(others.end(), own.begin(), own.end());
  }
  if (!judged) return;
  Rng rng(5);
  Round round([this] { return batch(6); }, rng);
  round.batch = 6;
  const at::Tensor loss = game->loss({"discriminator"}, round).total();
  bool any = false;
  for (const auto& [name, parameter] : others)
    any = any || gradients(loss, {parameter}, /*create_graph=*/true).front().abs().sum().item<double>() > 0;
  if (game->intertwined()) EXPECT_TRUE(any);
}

TEST_P(EveryGame, TheSameSeedGivesTheSameLoss) {
  Recipe r = recipe();
  const auto a = build_game(r, domain()), b = build_game(r, domain());
  const Phase last = a->phases().back();
  EXPECT_EQ(play(*a, {last})[0].total().item<double>(), play(*b, {last})[0].total().item<double>());
}

TEST_P(EveryGame, ItsModelFileDoesWhatTheGameDoes) {
  testing::TemporaryFolder folder;
  Recipe r = recipe();
  const auto game = build_game(r, domain());
  play(*game, {game->phases().back()});  // sets what a first batch sets
  save_model(folder.file("m.safetensors"), r, domain(), *game);
  const LoadedModel loaded = load_model(folder.file("m.safetensors"));
  freeze(*game, {});
  const auto model = game->model();
  const Batch b = batch(5, 2);
  const at::Tensor y = model->classes() > 0 ? b.y : at::Tensor();
  Rng rng(3), again(3);
  const at::Tensor z = model->spaces().front().draw(5, rng);
  const at::Tensor x = model->decode(z, y);
  EXPECT_EQ(x.sizes(), b.x.sizes());
  EXPECT_TRUE(at::equal(loaded.model->decode(z, y), x));
  ASSERT_EQ(loaded.model->can_encode(), GetParam().kind != "gan");
  if (!model->can_encode()) return;
  const at::Tensor code = model->encode(b.x, y);
  EXPECT_EQ(code.sizes(), z.sizes());
  EXPECT_TRUE(at::equal(loaded.model->encode(b.x, y), code));
  EXPECT_TRUE(at::equal(model->infer(b.x, y).mean, code));
  if (model->has_encoder_features()) {
    EXPECT_EQ(model->encoder_features(b.x).size(0), 5);
  }
  if (model->likelihood() != Likelihood::none) {
    const at::Tensor nats = model->log_prob(b.x, y, 3, again);
    EXPECT_EQ(nats.sizes(), at::IntArrayRef({5}));
    EXPECT_TRUE(at::isfinite(nats).all().item<bool>());
  }
}

TEST_P(EveryGame, TheEffectiveRecipeReadsBackAsItself) {
  Recipe r = recipe();
  Recipe again = parse_recipe({write_options(r), "effective", {}});
  EXPECT_TRUE(differing_options(r, again).empty());
}

std::string variant_name(const ::testing::TestParamInfo<Variant>& info) {
  std::string name = info.param.kind + std::to_string(info.index);
  name.erase(std::remove(name.begin(), name.end(), '-'), name.end());
  return name;
}
INSTANTIATE_TEST_SUITE_P(Table, EveryGame, ::testing::ValuesIn(variants()), variant_name);

TEST(Games, EveryKindIsTested) {
  for (const GameRow& row : game_table()) {
    const auto is_it = [&](const Variant& v) {
      return v.kind == row.name || row.name == "encoder" || row.name == "cyclegan";
    };
    EXPECT_TRUE(std::any_of(variants().begin(), variants().end(), is_it)) << row.name;
  }
}

// A generator of any game that has one can be given an encoder after the fact.
TEST(Games, AnEncoderCanBeLearntForAGeneratorWithoutADiscriminatorOfSamples) {
  testing::TemporaryFolder folder;
  const Domain plane = {Domain::Kind::points, {2}, 0, {}};
  Recipe source = parse_recipe({std::string("[game]\nkind = 'vae'\nz_dim = 3\n") + kPoints, "vae", {}});
  const auto game = build_game(source, plane);
  const std::string file = folder.file("vae.safetensors");
  save_model(file, source, plane, *game);
  const auto text = [&](const char* weight) {
    return "[game]\nkind = 'encoder'\nmodel = '" + file + "'\nfeature_weight = " + weight +
           "\n[encoder]\nkind = 'mlp'\nwidths = [8]\n";
  };
  Recipe recipe = parse_recipe({text("0"), "encoder", {}});
  const auto encoder = build_game(recipe, plane);
  encoder->begin();
  freeze(*game, {});
  const at::Tensor z = at::ones({2, 3});
  EXPECT_TRUE(at::equal(encoder->model()->decode(z, {}), game->model()->decode(z, {})));
  Recipe again = parse_recipe({write_options(recipe), "effective", {}});
  EXPECT_TRUE(differing_options(recipe, again).empty());
  EXPECT_THROW(parse_recipe({text("1"), "encoder", {}}), UserError);
}

}  // namespace
}  // namespace obverse
