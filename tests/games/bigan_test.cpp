#include "obverse/games/bigan.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cmath>
#include <utility>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/games/recipe.h"
#include "obverse/losses/penalties.h"
#include "tests/refusal.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;
using ::testing::HasSubstr;

const Domain kPlane = {Domain::Kind::points, {3}, 0, {}};

std::unique_ptr<Game> game_of(const std::string& options, const std::string& pair_widths = "[6]",
                              const std::string& normalised = "false") {
  const std::string norm = "\nbatch_norm = " + normalised;
  const std::string text = "[game]\nkind = \"bigan\"\nz_dim = 2\n" + options +
                           "\n[generator]\nkind = \"mlp\"\nwidths = [8]" + norm +
                           "\n[encoder]\nkind = \"mlp\"\nwidths = [8]" + norm +
                           "\n[discriminator]\nkind = \"mlp\"\nwidths = " + pair_widths +
                           "\npair = { widths = " + pair_widths + ", batch_norm = " + normalised + " }\n";
  return build_game(parse_recipe({text, "test", {}}), kPlane);
}

// A batch that is always the same; latents from seed 2.
struct Draws {
  at::Tensor x = Rng(1).normal({4, 3});
  Rng rng{2};
  Round round() {
    Round result([this] { return Batch{x, {}}; }, rng);
    result.batch = 4;
    return result;
  }
};

double term(const Terms& terms, const std::string& name) {
  for (const auto& [key, value] : terms.terms())
    if (key == name) return value.item<double>();
  throw std::runtime_error("no term " + name);
}

JointDiscriminator& discriminator_of(Game& game) {
  return dynamic_cast<JointDiscriminator&>(*game.module("discriminator"));
}

TEST(Bigan, BothPlayersLossesAreThoseOfTheFormulas) {
  const auto game = game_of("");
  Draws draws;
  Round round = draws.round();
  const double critic = term(game->loss({"discriminator"}, round), "main");
  draws.rng = Rng(2);
  const double pair = term(game->loss({"generator"}, round), "main");

  Rng rng(2);
  const at::Tensor z = rng.normal({4, 2});
  const auto model = game->model();
  JointDiscriminator& D = discriminator_of(*game);
  const at::Tensor real = D.forward(draws.x, model->encode(draws.x, {}), {});
  const at::Tensor fake = D.forward(model->decode(z, {}), z, {});
  EXPECT_NEAR(critic, (at::softplus(-real) + at::softplus(fake)).mean().item<double>(), 1e-6);
  EXPECT_NEAR(pair, (at::softplus(real) + at::softplus(-fake)).mean().item<double>(), 1e-6);
}

TEST(Bigan, AStochasticEncodersCodesAreDrawnAndItsMeanIsWhatTheModelEncodes) {
  const auto game = game_of("stochastic = true");
  Draws draws;
  Round round = draws.round();
  const double critic = term(game->loss({"discriminator"}, round), "main");
  Rng rng(2);
  const at::Tensor z = rng.normal({4, 2});
  const auto model = game->model();
  const CodeDistribution q = model->infer(draws.x, {});
  EXPECT_TRUE(at::equal(q.mean, model->encode(draws.x, {})));
  JointDiscriminator& D = discriminator_of(*game);
  const at::Tensor real = D.forward(draws.x, q.sample(rng), {}), fake = D.forward(model->decode(z, {}), z, {});
  EXPECT_NEAR(critic, (at::softplus(-real) + at::softplus(fake)).mean().item<double>(), 1e-6);
}

// VEEGAN: what moves the encoder is the reconstruction of codes, whatever D says.
TEST(Bigan, AReconstructorLearnsFromTheLatentCycleAlone) {
  const auto game = game_of("adversarial_encoder = false\ncycle_latent = 1.0");
  Draws draws;
  Round round = draws.round();
  game->gradients({{"generator"}}, round);
  Rng rng(2);
  const at::Tensor z = rng.normal({4, 2});
  const auto model = game->model();
  const at::Tensor error = (model->encode(model->decode(z, {}), {}) - z).square().mean();
  std::vector<at::Tensor> weights;
  for (const auto& [name, p] : game->module("encoder")->parameters()) weights.push_back(p);
  const std::vector<at::Tensor> slopes = gradients(error, weights);
  for (size_t i = 0; i < weights.size(); ++i)
    EXPECT_LT((weights[i].grad() - slopes[i]).abs().max().item<double>(), 1e-6) << i;
  EXPECT_THROW(game_of("adversarial_encoder = false"), UserError);
}

// Without hidden layers D is linear, and its gradient the weights whatever the point: gamma / 2 ||w||^2.
TEST(Bigan, PenaltiesAreOfSampleAndCodeTogether) {
  const auto game = game_of("r1 = 3.0\nr2 = 5.0", "[]");
  Draws draws;
  Round round = draws.round();
  const Terms terms = game->loss({"discriminator"}, round);
  double square = 0;
  for (const auto& [name, p] : game->module("discriminator")->parameters())
    if (name == "pair.head.linear.weight") square = p.square().sum().item<double>();
  EXPECT_GT(square, 0);
  EXPECT_NEAR(term(terms, "r1"), 1.5 * square, 1e-5);
  EXPECT_NEAR(term(terms, "r2"), 2.5 * square, 1e-5);
}

TEST(Bigan, PenaltiesTakenNowAndThenAreThatMuchStronger) {
  const auto every = game_of("r1 = 3.0\nr2 = 5.0"), apart = game_of("r1 = 3.0\nr2 = 5.0\npenalty_interval = 4");
  ASSERT_EQ(apart->phases().size(), 3);
  EXPECT_EQ(apart->phases()[1].interval, 4);
  Draws draws;
  Round round = draws.round();
  const Terms both = every->loss({"discriminator"}, round);
  draws.rng = Rng(2);
  const Terms main = apart->loss({"discriminator"}, round);
  EXPECT_EQ(main.terms().size(), 1);
  EXPECT_NEAR(term(main, "main"), term(both, "main"), 1e-6);
  draws.rng = Rng(2);
  const Terms penalty = apart->loss(apart->phases()[1], round);
  EXPECT_NEAR(term(penalty, "r1"), 4 * term(both, "r1"), 1e-5);
  EXPECT_NEAR(term(penalty, "r2"), 4 * term(both, "r2"), 1e-5);
  EXPECT_EQ(game_of("penalty_interval = 4")->phases().size(), 2);  // nothing to take
}

TEST(Bigan, ACodesPriceIsItsDivergenceFromThePrior) {
  const auto game = game_of("stochastic = true\ncode_rate = 3.0");
  Draws draws;
  Round round = draws.round();
  const Terms terms = game->loss({"generator"}, round);
  const CodeDistribution q = game->model()->infer(draws.x, {});
  const at::Tensor variance = (2 * q.log_std).exp();
  const at::Tensor kl = (variance + q.mean.square() - 1 - variance.log()) / 2;
  EXPECT_NEAR(term(terms, "code_rate"), 3 * kl.mean().item<double>(), 1e-5);
  EXPECT_THROW(game_of("code_rate = 3.0"), UserError);
}

TEST(Bigan, CyclesTakenNowAndThenAreThatMuchStronger) {
  const std::string weights = "cycle_image = 2.0\ncycle_latent = 3.0\ncycle_feature = 5.0\n";
  const auto every = game_of(weights), third = game_of(weights + "cycle_interval = 3");
  Draws draws;
  const auto terms_of = [&](Game& game, int64_t number) {
    draws.rng = Rng(2);
    Round round = draws.round();
    round.number = number;
    return game.loss({"generator"}, round);
  };
  const Terms all = terms_of(*every, 4), now = terms_of(*third, 3), then = terms_of(*third, 4);
  for (const char* name : {"cycle_image", "cycle_latent", "cycle_feature"})
    EXPECT_NEAR(term(now, name), 3 * term(all, name), 1e-5) << name;
  EXPECT_EQ(term(then, "main"), term(all, "main"));
  EXPECT_EQ(then.terms().size(), 1);
  EXPECT_THROW(game_of("adversarial_encoder = false\ncycle_latent = 1.0\ncycle_interval = 3"), UserError);
}

TEST(Bigan, CycleTermsAreTheErrorsOfGoingThereAndBack) {
  Draws draws;
  Rng rng(2);
  const at::Tensor z = rng.normal({4, 2});
  {
    const auto game = game_of("cycle_image = 2.0\ncycle_latent = 3.0\ncycle_feature = 5.0");
    Round round = draws.round();
    const Terms terms = game->loss({"generator"}, round);
    const auto model = game->model();
    const at::Tensor back = model->decode(model->encode(draws.x, {}), {});
    const at::Tensor code = model->encode(model->decode(z, {}), {});
    EXPECT_NEAR(term(terms, "cycle_image"), 2 * (back - draws.x).square().mean().item<double>(), 1e-5);
    EXPECT_NEAR(term(terms, "cycle_latent"), 3 * (code - z).square().mean().item<double>(), 1e-5);
    JointDiscriminator& D = discriminator_of(*game);
    const at::Tensor apart = D.features(back) - D.features(draws.x);
    EXPECT_NEAR(term(terms, "cycle_feature"), 5 * apart.square().mean().item<double>(), 1e-5);
  }
  const auto game = game_of("stochastic = true\ncycle_latent = 3.0");
  draws.rng = Rng(2);
  Round round = draws.round();
  const Terms terms = game->loss({"generator"}, round);
  const CodeDistribution q = game->model()->infer(game->model()->decode(z, {}), {});
  EXPECT_NEAR(term(terms, "cycle_latent"), 3 * (q.mean - z).square().mean().item<double>(), 1e-5);
}

TEST(Bigan, CyclesFollowTheirSchedules) {
  Draws draws;
  const auto game = game_of("cycle_image = { from = 1.0, to = 5.0, shape = \"linear\" }\ncycle_latent = 1.0");
  for (const double progress : {0.0, 0.5, 1.0}) {
    draws.rng = Rng(2);
    Round round = draws.round();
    round.progress = progress;
    const Terms terms = game->loss({"generator"}, round);
    const at::Tensor back = game->model()->decode(game->model()->infer(draws.x, {}).mean, {});
    EXPECT_NEAR(term(terms, "cycle_image"), (1 + 4 * progress) * (back - draws.x).square().mean().item<double>(), 1e-5);
  }
}

TEST(Bigan, ASharedForwardPassGivesTheGradientsOfSeparateOnes) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "false"},
      {"prior = \"uniform\"", "true"},
      {"stochastic = true\ncycle_image = 1.0\ncycle_latent = 1.0", "false"},
      {"stochastic = true\nr1 = 1.0\npenalty_interval = 4\ncode_rate = 1.0", "false"},
  };
  for (const auto& [options, normalised] : cases) {
    const auto made = [&, more = options, norm = normalised] { return game_of(more, "[6]", norm); };
    const auto together = made(), in_turn = made(), apart = made();
    Draws draws;
    Round round = draws.round();
    const std::vector<Phase> phases = {{"discriminator"}, {"generator"}};
    together->gradients(phases, round);
    draws.rng = Rng(2);
    for (const Phase& phase : phases) in_turn->gradients({phase}, round);  // draws once
    for (const Phase& phase : phases) {
      draws.rng = Rng(2);
      apart->Game::gradients({phase}, round);
    }
    const NamedTensors expected = apart->weights();
    for (const auto& game : {together.get(), in_turn.get()})
      for (const auto& [name, weight] : game->weights()) {
        const at::Tensor& other = find_tensor(expected, name, "apart");
        ASSERT_EQ(weight.grad().defined(), other.grad().defined()) << name;
        if (!weight.grad().defined()) continue;
        EXPECT_LT((weight.grad() - other.grad()).abs().max().item<double>(), 1e-6) << name;
      }
  }
}

TEST(Bigan, InTurnThePenaltyBetweenLeavesTheGeneratorsPairsAlone) {
  const std::string options = "stochastic = true\nr1 = 1.0\npenalty_interval = 4";
  const auto with = game_of(options), without = game_of(options);
  Draws draws;
  Round round = draws.round();
  for (const auto& game : {with.get(), without.get()}) {
    draws.rng = Rng(2);
    game->gradients({{"discriminator"}}, round);
    if (game == with.get()) game->gradients({{"discriminator", "penalty", 4}}, round);
    game->gradients({{"generator"}}, round);
  }
  const NamedTensors expected = without->player("generator").parameters();
  for (const auto& [name, weight] : with->player("generator").parameters())
    EXPECT_TRUE(at::equal(weight.grad(), find_tensor(expected, name, "without").grad())) << name;
}

TEST(Bigan, ASharedForwardPassLeavesHeldLayersAlone) {
  const auto game = game_of("");
  ASSERT_EQ(game->module("discriminator")->hold_layers(1), 1);
  Draws draws;
  Round round = draws.round();
  game->gradients(game->phases(), round);
  int64_t held = 0;
  for (const auto& [name, parameter] : game->player("discriminator").parameters())
    if (!parameter.grad().defined()) ++held;
  EXPECT_EQ(held, 2);  // a matrix and its bias
}

TEST(Bigan, ALogitThatStartsAtZeroTellsNoPairFromAnother) {
  Draws draws;
  const auto game =
      build_game(parse_recipe({"[game]\nkind = \"bigan\"\nz_dim = 2\n[discriminator]\nkind = \"mlp\"\n"
                               "pair = { zero_init = true }\n[generator]\nkind = \"mlp\"\n[encoder]\nkind = \"mlp\"\n",
                               "test",
                               {}}),
                 kPlane);
  Round round = draws.round();
  EXPECT_NEAR(term(game->loss({"discriminator", "main"}, round), "main"), 2 * std::log(2), 1e-6);
}

TEST(Bigan, UniformCodesStayInTheirRange) {
  const auto game = game_of("prior = \"uniform\"");
  const auto model = game->model();
  EXPECT_EQ(model->spaces().front().prior, "uniform");
  EXPECT_LE(model->encode(100 * Rng(1).normal({50, 3}), {}).abs().max().item<double>(), 1);
  Rng rng(3);
  EXPECT_LE(model->spaces().front().draw(1000, rng).abs().max().item<double>(), 1);
}

TEST(Bigan, AGaussianEncoderOfUniformCodesIsRefused) {
  EXPECT_THAT(refusal([&] { game_of("prior = \"uniform\"\nstochastic = true"); }), HasSubstr("Gaussian"));
}

}  // namespace
}  // namespace obverse
