#include "obverse/train/trainer.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "../temporary_folder.h"
#include "obverse/core/error.h"
#include "obverse/io/files.h"
#include "obverse/train/average.h"
#include "toy_game.h"

namespace obverse {
namespace {

using testing::ScalarGame;
using testing::TemporaryFolder;

/// A run of a scalar game over random points in the plane, one image a round.
struct ToyRun {
  TemporaryFolder folder;
  Recipe recipe;
  std::vector<Finding> findings;
  TrainHooks hooks;
  std::shared_ptr<const Dataset> data = std::make_shared<Dataset>(
      Dataset{"toy", "train", {Domain::Kind::points, {2}, 0, {}}, Rng(0).normal({64, 2}), {}});

  ToyRun() {
    recipe.name = "toy";
    recipe.train.kimg = 0.4;
    recipe.train.batch = 1;
    recipe.train.stats_kimg = 0.01;
    recipe.train.snapshot_kimg = 0.1;
    recipe.train.checkpoint_kimg = 0.1;
    recipe.train.precision = "float32";
    hooks.finding = [this](const Finding& f) { findings.push_back(f); };
  }
  Outcome play(const ScalarGame::Loss& loss, const Schedule& lr = 1e-3) {
    OptimiserOptions optimiser;
    optimiser.lr = lr;
    const RunFolder run = RunFolder::create(folder.path(), recipe.name);
    return train(recipe, data, run, hooks, [&] {
      return std::make_unique<ScalarGame>(1, 1, std::vector<Phase>{{"discriminator"}, {"generator"}}, loss, optimiser);
    });
  }
};

at::Tensor calm(const Phase& phase, const at::Tensor& a, const at::Tensor& b, Round&) {
  return phase.player == "discriminator" ? a * a : b * b;
}

TEST(Trainer, AQuietRunFinishesWithoutFindings) {
  ToyRun run;
  EXPECT_EQ(run.play(calm), Outcome::finished);
  EXPECT_TRUE(run.findings.empty());
  const std::string path = run.folder.file("00000-toy");
  for (const char* file :
       {"log.txt", "stats.jsonl", "reals.png", "fakes000000.png", "model.safetensors", "events.out.tfevents.obverse"})
    EXPECT_TRUE(std::filesystem::exists(path + "/" + file)) << file;
}

TEST(Trainer, NanIsNamedRolledBackOnceAndThenGivenUp) {
  ToyRun run;
  const Outcome outcome = run.play([](const Phase& phase, const at::Tensor& a, const at::Tensor& b, Round& round) {
    const at::Tensor loss = calm(phase, a, b, round);
    return round.number == 250 && phase.player == "generator" ? loss * std::numeric_limits<double>::quiet_NaN() : loss;
  });
  EXPECT_EQ(outcome, Outcome::gave_up);
  ASSERT_EQ(run.findings.size(), 2u);
  EXPECT_EQ(run.findings[0].severity, "alarm");
  EXPECT_EQ(run.findings[0].cause, "values that are not finite");
  EXPECT_NE(run.findings[0].what.find("generator"), std::string::npos);
  EXPECT_NE(run.findings[0].action.find("went back to 0.2 kimg and halved the step sizes"), std::string::npos)
      << run.findings[0].action;
  EXPECT_NE(run.findings[1].action.find("gave up"), std::string::npos);
}

TEST(Trainer, ASlipThatDoesNotComeAgainIsSurvived) {
  ToyRun run;
  int slips = 0;
  const Outcome outcome = run.play([&](const Phase& phase, const at::Tensor& a, const at::Tensor& b, Round& round) {
    const at::Tensor loss = calm(phase, a, b, round);
    return round.number == 250 && slips++ == 0 ? loss * std::numeric_limits<double>::infinity() : loss;
  });
  EXPECT_EQ(outcome, Outcome::finished);
  EXPECT_EQ(run.findings.size(), 1u);
}

TEST(Trainer, AnExplodingDiscriminatorIsNamed) {
  ToyRun run;
  EXPECT_EQ(run.play([](const Phase& phase, const at::Tensor& a, const at::Tensor& b, Round& round) {
    const at::Tensor loss = calm(phase, a, b, round);
    return phase.player == "discriminator" && round.number > 200 ? loss * 1e6 : loss;
  }),
            Outcome::gave_up);
  EXPECT_EQ(run.findings.front().cause, "exploding discriminator");
}

TEST(Trainer, AFrozenGeneratorIsNamed) {
  ToyRun run;
  EXPECT_EQ(run.play([](const Phase& phase, const at::Tensor& a, const at::Tensor& b, Round& round) {
    const at::Tensor loss = calm(phase, a, b, round);
    return phase.player == "generator" && round.number > 150 ? loss * 0 : loss;
  }),
            Outcome::gave_up);
  EXPECT_EQ(run.findings.front().cause, "frozen generator");
}

TEST(Trainer, AStepSizeThatBeginsAtZeroFreezesNobody) {
  ToyRun run;
  run.recipe.train.stats_kimg = 0.001;  // a line a round: the first step is 0
  EXPECT_EQ(run.play(calm, Schedule(0, 1e-3, 1, "linear")), Outcome::finished);
  EXPECT_TRUE(run.findings.empty());
}

TEST(Trainer, DroppedModesAreNamed) {
  ToyRun run;
  int measured = 0;
  const std::string model = run.folder.file("00000-toy/model.safetensors");
  std::string good;
  run.hooks.diversity = [&](LatentModel&) {
    if (measured++ < 2) good = read_file(model);
    return DiversityFigures{measured <= 2 ? 0.8 : 0.1, 0.0};
  };
  EXPECT_EQ(run.play(calm), Outcome::gave_up);
  EXPECT_EQ(read_file(model), good) << "the model that lost modes must not stay";
  EXPECT_EQ(run.findings.front().cause, "dropped modes");
  EXPECT_NE(run.findings.front().what.find("cover 10 % of the real data, 80 % earlier"), std::string::npos);
}

TEST(Trainer, NearDuplicatesAreDroppedModesToo) {
  ToyRun run;
  run.hooks.diversity = [&](LatentModel&) { return DiversityFigures{0.3, 0.9}; };
  EXPECT_EQ(run.play(calm), Outcome::gave_up);
  EXPECT_EQ(run.findings.front().cause, "dropped modes");
}

TEST(Trainer, LittleCoverageFromTheStartIsAWarningAndTheRunGoesOn) {
  ToyRun run;
  run.hooks.diversity = [&](LatentModel&) { return DiversityFigures{0.01, 0.0}; };
  EXPECT_EQ(run.play(calm), Outcome::finished);
  ASSERT_FALSE(run.findings.empty());
  EXPECT_EQ(run.findings.front().severity, "warning");
}

TEST(Trainer, AnOscillatingGameIsNamedAndGoesOn) {
  ToyRun run;
  EXPECT_EQ(run.play([](const Phase& phase, const at::Tensor& a, const at::Tensor& b,
                        Round&) { return phase.player == "discriminator" ? -a * b : a * b; },
                     0.05),
            Outcome::finished);
  ASSERT_EQ(run.findings.size(), 1u) << "said once";
  EXPECT_EQ(run.findings.front().severity, "warning");
  EXPECT_EQ(run.findings.front().cause, "oscillation");
  EXPECT_NE(run.findings.front().what.find("to and fro with a period of"), std::string::npos)
      << run.findings.front().what;
}

TEST(Trainer, SamplesThatDoNotSettleAreNamed) {
  ToyRun run;
  const Outcome outcome = run.play(
      [](const Phase& phase, const at::Tensor& a, const at::Tensor& b, Round& round) {
        return ((phase.player == "discriminator" ? a : b) - 3 * round.rng().normal({}).sign()).square();
      },
      0.5);
  EXPECT_EQ(outcome, Outcome::finished);
  ASSERT_EQ(run.findings.size(), 1u);
  EXPECT_NE(run.findings.front().what.find("do not settle"), std::string::npos) << run.findings.front().what;
}

TEST(Average, HalvesTheDistanceInOneHalfLife) {
  EXPECT_DOUBLE_EQ(average_decay(1000, 0, 1e9, 1000), 0.5);
  EXPECT_DOUBLE_EQ(average_decay(1000, 0, 1e9, 500), std::sqrt(0.5));
  EXPECT_DOUBLE_EQ(average_decay(1000, 0.05, 2000, 100), 0.5);  // ramped up: the half-life is 100 images
  EXPECT_DOUBLE_EQ(average_decay(0, 0, 100, 1), 0);
}

TEST(RunFolder, NumbersRunsInOrderAndRefusesASecondTrainer) {
  TemporaryFolder folder;
  const RunFolder first = RunFolder::create(folder.path(), "a"), second = RunFolder::create(folder.path(), "b");
  EXPECT_EQ(first.path(), folder.path() + "/00000-a");
  EXPECT_EQ(second.path(), folder.path() + "/00001-b");
  write_file(first.file("recipe.toml"), "");
  EXPECT_THROW(RunFolder::open(first.path()), UserError);
  EXPECT_EQ(RunFolder::newest(folder.path(), ""), second.path());
  EXPECT_EQ(RunFolder::newest(folder.path(), "a"), first.path());
  EXPECT_THROW(RunFolder::newest(folder.path(), "c"), UserError);
}

// What `obverse eval` added to a run's figures is nobody's to cut; the training's own later lines are.
TEST(RunFolder, KeepsFiguresOfOthersWhenItGoesBack) {
  const TemporaryFolder folder;
  const RunFolder run = RunFolder::create(folder.path(), "m");
  const auto write = [&](const std::string& name, const std::string& text) { write_file(run.file(name), text); };
  write("metric-fid.jsonl", "{\"kimg\":1}\n");
  write("stats.jsonl", "1\n");
  const auto sizes = run.sizes();
  write("metric-fid.jsonl", "{\"kimg\":1}\n{\"kimg\":2}\n{\"by\":\"eval\"}\n{\"kimg\":3}\n");
  write("metric-kid.jsonl", "{\"by\":\"eval\"}\n");
  write("stats.jsonl", "1\n2\n");
  run.cut(sizes);
  EXPECT_EQ(read_file(run.file("metric-fid.jsonl")), "{\"kimg\":1}\n{\"by\":\"eval\"}\n");
  EXPECT_EQ(read_file(run.file("metric-kid.jsonl")), "{\"by\":\"eval\"}\n");
  EXPECT_EQ(read_file(run.file("stats.jsonl")), "1\n");
}

}  // namespace
}  // namespace obverse
