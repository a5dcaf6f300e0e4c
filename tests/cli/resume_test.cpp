// Killing a run at any moment and resuming it ends in the same bits as never having been killed.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include "../program.h"
#include "../temporary_folder.h"
#include "obverse/io/safetensors.h"
#include "obverse/train/checkpoint.h"

namespace obverse {
namespace {

using testing::Program;
using testing::TemporaryFolder;

// Batch norm, a lazy penalty, a relativistic loss and schedules: everything that has state.
const char* const kRecipe = R"(
name = "small"
[data]
source = "ring"
[game]
kind = "gan"
loss = "relativistic-pairing"
z_dim = 2
r1 = { weight = { from = 1.0, to = 0.1 } }
dragan = { weight = 0.1, interval = 4 }
[generator]
kind = "mlp"
widths = [64, 64]
batch_norm = true
optimiser = { lr = { from = 1e-3, to = 1e-4 }, beta1 = 0.5 }
[discriminator]
kind = "mlp"
widths = [64, 64]
[train]
kimg = 60
batch = 64
checkpoint_kimg = 3
snapshot_kimg = 7
stats_kimg = 1
seed = 5
)";

struct SmallRun {
  TemporaryFolder folder;
  std::string recipe = folder.file("recipe.toml"), out = folder.file("runs"), path = out + "/00000-small";
  SmallRun() { std::ofstream(recipe) << kRecipe; }
  std::vector<std::string> start() const { return {"train", recipe, "--out", out}; }
  std::vector<std::string> resume() const { return {"train", "--resume", path}; }
};

void expect_same_tensors(const std::string& a, const std::string& b) {
  const NamedTensors first = read_safetensors(a).tensors, second = read_safetensors(b).tensors;
  ASSERT_EQ(first.size(), second.size());
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].first, second[i].first);
    EXPECT_TRUE(at::equal(first[i].second, second[i].second))
        << first[i].first << " differs between " << a << " and " << b;
  }
}

std::string last_state(const SmallRun& run) {
  const std::vector<std::string> checkpoints = list_checkpoints(run.path);
  return checkpoints.empty() ? "" : checkpoints.back();
}

size_t lines_of(const std::string& path) {
  const std::string text = testing::slurp(path);
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST(Resume, KilledAtRandomPointsARunEndsInTheSameBits) {
  SmallRun whole, killed;
  Program uninterrupted(whole.start(), whole.folder.file("log"));
  ASSERT_EQ(uninterrupted.wait(), 0) << uninterrupted.err();

  std::mt19937 random(std::random_device{}());
  int kills = 0;
  bool finished = false;
  for (int attempt = 0; attempt < 40 && !finished; ++attempt) {
    const std::string before = last_state(killed);
    Program run(attempt == 0 ? killed.start() : killed.resume(), killed.folder.file("log"));
    const int wanted_kills = 3;
    while (run.running() && (kills >= wanted_kills || last_state(killed) == before || last_state(killed).empty()))
      std::this_thread::sleep_for(std::chrono::milliseconds(2));  // verified progress first
    if (run.running()) {
      std::this_thread::sleep_for(std::chrono::microseconds(std::uniform_int_distribution<>(0, 60000)(random)));
      run.kill(SIGKILL);
    }
    const int status = run.wait();
    if (status == 128 + SIGKILL)
      ++kills;
    else
      ASSERT_EQ(status, 0) << run.err();
    finished = status == 0;
  }
  ASSERT_TRUE(finished);
  EXPECT_GE(kills, 1) << "the run ended before it could be killed: lengthen it";
  expect_same_tensors(whole.path + "/model.safetensors", killed.path + "/model.safetensors");
  expect_same_tensors(last_state(whole) + "/tensors.safetensors", last_state(killed) + "/tensors.safetensors");
  EXPECT_EQ(lines_of(whole.path + "/stats.jsonl"), lines_of(killed.path + "/stats.jsonl"));
  EXPECT_EQ(testing::slurp(whole.path + "/fakes000060.png"), testing::slurp(killed.path + "/fakes000060.png"));
}

TEST(Resume, CtrlCFinishesTheRoundSavesAndSaysHowToGoOn) {
  SmallRun run;
  Program program(run.start(), run.folder.file("log"));
  while (program.running() && last_state(run).empty()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  program.kill(SIGINT);
  EXPECT_EQ(program.wait(), 0) << program.err();
  EXPECT_NE(program.err().find("obverse train --resume " + run.path), std::string::npos) << program.err();
}

TEST(Resume, WithoutACheckpointIsRefusedAndTheModelStays) {
  SmallRun run;
  std::vector<std::string> short_run = run.start();
  short_run.insert(short_run.end(), {"--set", "train.kimg=1", "--set", "train.stats_kimg=0.5"});
  Program first(short_run, run.folder.file("first"));
  ASSERT_EQ(first.wait(), 0) << first.err();
  const std::string model = testing::slurp(run.path + "/model.safetensors");
  std::filesystem::remove_all(run.path + "/state");
  Program second({"train", "--resume", run.path, "--quiet"}, run.folder.file("second"));
  EXPECT_EQ(second.wait(), 2);
  EXPECT_NE(second.err().find("holds no checkpoint"), std::string::npos) << second.err();
  EXPECT_EQ(testing::slurp(run.path + "/model.safetensors"), model);
}

TEST(Resume, WithAnotherRecipeIsRefusedNamingTheKeys) {
  SmallRun run;
  std::vector<std::string> short_run = run.start();
  short_run.insert(short_run.end(), {"--set", "train.kimg=1"});
  Program first(short_run, run.folder.file("first"));
  ASSERT_EQ(first.wait(), 0) << first.err();
  Program second(
      {"train", run.recipe, "--out", run.out, "--resume", run.path, "--set", "train.kimg=1", "--set", "train.batch=32"},
      run.folder.file("second"));
  EXPECT_EQ(second.wait(), 2);
  EXPECT_NE(second.err().find("train.batch: 32 here, 64 there"), std::string::npos) << second.err();
}

}  // namespace
}  // namespace obverse
