#include "obverse/train/update_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "obverse/core/table.h"
#include "tests/refusal.h"
#include "toy_game.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;
using ::obverse::testing::ScalarGame;
using ::testing::HasSubstr;

const std::vector<Phase> kBothMain = {{"discriminator"}, {"generator"}};

Optimisers optimisers_of(Game& game, const std::string& rule = "plain") {
  return make_optimisers(game, find_row(update_table(), "update rule", rule));
}

OptimiserOptions steps_of(double lr) {
  OptimiserOptions options;
  options.lr = lr;
  options.beta1 = 0;
  options.beta2 = 0.999;
  return options;
}

void play(const std::string& rule, Game& game, int64_t rounds, const TrainOptions& options, const StepReport& report) {
  Optimisers optimisers = optimisers_of(game, rule);
  Rng rng(0);
  for (int64_t i = 0; i < rounds; ++i) {
    Round round([] { return Batch{}; }, rng);
    round.number = i;
    round.progress = static_cast<double>(i) / static_cast<double>(rounds);
    find_row(update_table(), "update rule", rule).play(game, due_phases(game, i), round, optimisers, options, report);
  }
}

// min_a max_b a b: the gradient field turns around the equilibrium (0, 0) and never points at it.
at::Tensor bilinear(const Phase& phase, const at::Tensor& a, const at::Tensor& b, Round&) {
  return phase.player == "discriminator" ? a * b : -a * b;
}

double distance(const ScalarGame& game) { return std::hypot(game.a->w.item<double>(), game.b->w.item<double>()); }

TEST(UpdateRules, ConsensusConvergesOnTheBilinearGameWherePlainPlayDoesNot) {
  OptimiserOptions falling = steps_of(0.05);
  falling.lr = Schedule(0.05, 0.0005);
  TrainOptions options;
  options.consensus_weight = 10;
  ScalarGame plain(1, 1, kBothMain, bilinear, falling), consensus(1, 1, kBothMain, bilinear, falling);
  play("plain", plain, 2000, options, [](auto&&...) {});
  play("consensus", consensus, 2000, options, [](auto&&...) {});
  EXPECT_GT(distance(plain), 0.5);
  EXPECT_LT(distance(consensus), 0.02);
}

TEST(UpdateRules, OptimisticAndExtragradientPlayConvergeOnTheBilinearGameWherePlainPlayDoesNot) {
  // A large epsilon makes Adam plain gradient descent of step lr / eps.
  OptimiserOptions gradient_steps = steps_of(1e4 * 0.1);
  gradient_steps.eps = 1e4;
  ScalarGame plain(1, 1, kBothMain, bilinear, gradient_steps), optimistic(1, 1, kBothMain, bilinear, gradient_steps),
      extra(1, 1, kBothMain, bilinear, gradient_steps), together(1, 1, kBothMain, bilinear, gradient_steps);
  play("plain", plain, 1500, {}, [](auto&&...) {});
  play("simultaneous", together, 300, {}, [](auto&&...) {});
  play("optimistic", optimistic, 1500, {}, [](auto&&...) {});
  play("extragradient", extra, 1500, {}, [](auto&&...) {});
  EXPECT_GT(distance(plain), 0.5);
  EXPECT_GT(distance(together), 3);  // spirals out: |1 + 0.1 i|^300 = 4.4
  EXPECT_LT(distance(optimistic), 0.02);
  EXPECT_LT(distance(extra), 0.02);
}

// Steps of 0.1 by the gradient (lr / eps, Adam's moments without weight) from (1, 1) on a b. Extragradient: ahead lies
// (1 - 0.1, 1 + 0.1); its gradients are (1.1, -0.9). Optimistic: the first step is (0.1, -0.1) and leaves (0.9, 1.1),
// the second 2 (0.11, -0.09) - (0.1, -0.1) = (0.12, -0.08).
TEST(UpdateRules, OptimisticAndExtragradientStepsAreThoseWorkedOutByHand) {
  OptimiserOptions gradient_steps = steps_of(1e6 * 0.1);
  gradient_steps.eps = 1e6;
  ScalarGame extra(1, 1, kBothMain, bilinear, gradient_steps), optimistic(1, 1, kBothMain, bilinear, gradient_steps);
  play("extragradient", extra, 1, {}, [](auto&&...) {});
  EXPECT_NEAR(extra.a->w.item<double>(), 1 - 0.11, 1e-5);
  EXPECT_NEAR(extra.b->w.item<double>(), 1 + 0.09, 1e-5);
  play("optimistic", optimistic, 2, {}, [](auto&&...) {});
  EXPECT_NEAR(optimistic.a->w.item<double>(), 0.9 - 0.12, 1e-5);
  EXPECT_NEAR(optimistic.b->w.item<double>(), 1.1 + 0.08, 1e-5);
}

TEST(UpdateRules, ExtragradientLooksTwiceAtTheSameDraws) {
  std::vector<double> seen;
  ScalarGame game(
      1, 1, kBothMain,
      [&](const Phase&, const at::Tensor& a, const at::Tensor& b, Round& round) {
        seen.push_back(round.rng().normal({1}).item<double>());
        return a * b;
      },
      steps_of(1e-3));
  play("extragradient", game, 2, {}, [](auto&&...) {});
  ASSERT_EQ(seen.size(), 8u);
  EXPECT_EQ(seen[0], seen[2]);
  EXPECT_EQ(seen[1], seen[3]);
  EXPECT_NE(seen[0], seen[4]);
}

// A game whose state moves each time that it is looked at, as running statistics do.
class MovingGame : public ScalarGame {
 public:
  using ScalarGame::ScalarGame;
  NamedTensors state() override { return {{"looks", looks}}; }
  at::Tensor looks = at::zeros({});
};

TEST(UpdateRules, ExtragradientMovesAGamesStateOnceARound) {
  at::Tensor looks;
  MovingGame game(
      1, 1, kBothMain,
      [&](const Phase& phase, const at::Tensor& a, const at::Tensor& b, Round&) {
        if (phase.player == "generator") looks += 1;
        return a * b;
      },
      steps_of(1e-3));
  looks = game.looks;
  play("extragradient", game, 3, {}, [](auto&&...) {});
  EXPECT_EQ(game.looks.item<double>(), 3);
}

// L_a = a^2 b, L_b = a b^2 at (2, 3): v = (2ab, 2ab) = (12, 12); energy E = 4 a^2 b^2, dE/da = 8 a b^2 = 144,
// dE/db = 8 a^2 b = 96. With weight 0.5 the gradients are 12 + 72 and 12 + 48.
TEST(UpdateRules, ConsensusAddsTheGradientOfHalfTheSquaredGradientNorm) {
  std::map<std::string, double> norms;
  TrainOptions options;
  options.consensus_weight = 0.5;
  ScalarGame game(
      2, 3, kBothMain,
      [](const Phase& phase, const at::Tensor& a, const at::Tensor& b, Round&) {
        return phase.player == "discriminator" ? a * a * b : a * b * b;
      },
      steps_of(1e-3));
  play("consensus", game, 1, options,
       [&](const Phase& phase, const Terms&, double norm) { norms[phase.player] = norm; });
  EXPECT_NEAR(norms["discriminator"], 84, 1e-4);
  EXPECT_NEAR(norms["generator"], 60, 1e-4);
}

TEST(UpdateRules, AreRefusedWhereTheyDoNotFitTheGame) {
  ScalarGame twice(1, 1, {{"discriminator", "main", 1, 2}, {"generator"}}, bilinear, steps_of(0.1));
  for (const UpdateRule& rule : update_table())
    if (rule.name != "plain") {
      EXPECT_THAT(refusal([&] { make_optimisers(twice, rule); }), HasSubstr("critic_steps = 1"));
    }
  make_optimisers(twice, update_table().front());
  struct Apart : ScalarGame {
    using ScalarGame::ScalarGame;
    bool intertwined() const override { return false; }
  } apart(1, 1, kBothMain, bilinear, steps_of(0.1));
  EXPECT_THAT(refusal([&] { optimisers_of(apart, "consensus"); }), HasSubstr("cut off"));
  ScalarGame alone(1, 1, {{"discriminator"}}, bilinear, steps_of(0.1));
  alone.players().pop_back();
  EXPECT_THAT(refusal([&] { optimisers_of(alone, "extragradient"); }), HasSubstr("one player"));
}

// min_a max_b a b from (0.05, 1) by steps of Adam's sign, 0.1: a falls past zero. Played together b rises by the a that
// was, played in turn it falls by the a that is.
TEST(UpdateRules, SimultaneousPlayTakesEveryGradientBeforeAnyoneSteps) {
  const auto b_after = [](const std::string& rule) {
    ScalarGame game(0.05, 1, kBothMain, bilinear, steps_of(0.1));
    play(rule, game, 1, {}, [](auto&&...) {});
    EXPECT_NEAR(game.a->w.item<double>(), -0.05, 1e-6);
    return game.b->w.item<double>();
  };
  EXPECT_NEAR(b_after("simultaneous"), 1.1, 1e-6);
  EXPECT_NEAR(b_after("plain"), 0.9, 1e-6);
}

TEST(UpdateRules, ALazyPhaseIsAStepOfItsOwnOnTheSharedOptimiserEveryIntervalRounds) {
  std::map<std::string, int> played;
  ScalarGame game(
      1, 1, {{"discriminator"}, {"discriminator", "r1", 4}, {"generator"}},
      [](const Phase& phase, const at::Tensor& a, const at::Tensor& b, Round&) {
        return phase.player == "discriminator" ? a * a : b * b;
      },
      steps_of(1e-3));
  Optimisers optimisers = optimisers_of(game);
  Rng rng(0);
  for (int64_t i = 0; i < 9; ++i) {
    Round round([] { return Batch{}; }, rng);
    round.number = i;
    find_row(update_table(), "update rule", "plain")
        .play(game, due_phases(game, i), round, optimisers, {},
              [&](const Phase& phase, const Terms&, double) { ++played[phase.player + "/" + phase.name]; });
  }
  EXPECT_EQ(played["discriminator/main"], 9);
  EXPECT_EQ(played["discriminator/r1"], 3);  // rounds 0, 4, 8
  EXPECT_EQ(played["generator/main"], 9);
  const NamedTensors state = optimisers.at("discriminator").state("");
  EXPECT_EQ(find_tensor(state, "discriminator.w.steps", "").item<int64_t>(), 12);
}

TEST(UpdateRules, OnlyThePlayerOfThePhaseRequiresGradients) {
  ScalarGame game(
      1, 1, kBothMain,
      [](const Phase& phase, const at::Tensor& a, const at::Tensor& b, Round&) {
        EXPECT_EQ(a.requires_grad(), phase.player == "discriminator");
        EXPECT_EQ(b.requires_grad(), phase.player == "generator");
        return bilinear(phase, a, b, *static_cast<Round*>(nullptr));
      },
      steps_of(1e-3));
  play("plain", game, 1, {}, [](auto&&...) {});
}

TEST(Round, ReplayHandsOutTheSameBatchesAndRandomness) {
  Rng rng(3), data(4);
  Round round([&] { return Batch{data.normal({2}), {}}; }, rng);
  round.record();
  const Batch first = round.next_batch(), second = round.next_batch();
  const at::Tensor z = round.rng().normal({5});
  round.replay();
  EXPECT_TRUE(at::equal(round.next_batch().x, first.x));
  EXPECT_TRUE(at::equal(round.next_batch().x, second.x));
  EXPECT_TRUE(at::equal(round.rng().normal({5}), z));
}

}  // namespace
}  // namespace obverse
