// The program as a user meets it: what it does, and one line and status 2 for every mistake.
#include "../program.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "../temporary_folder.h"
#include "obverse/io/image.h"

namespace obverse {
namespace {

using ::testing::HasSubstr;
using testing::Program;
using testing::TemporaryFolder;

const char* const kRecipe =
    "name = \"tiny\"\n[data]\nsource = \"fashion-mnist\"\nlimit = 512\n[game]\nkind = \"gan\"\nz_dim = 8\n"
    "conditional = true\n[generator]\nkind = \"dcgan\"\nchannels = [16, 8]\n[discriminator]\nkind = "
    "\"dcgan\"\nchannels = [8, 16]\n"
    "[train]\nkimg = 0.5\nbatch = 32\nmonitors = false\n";

struct Shell {
  TemporaryFolder folder;
  std::string out, err;
  int run(const std::vector<std::string>& words) {
    Program program(words, folder.file("log"));
    const int status = program.wait();
    out = program.out();
    err = program.err();
    return status;
  }
  std::string recipe(const std::string& text = kRecipe) {
    std::ofstream(folder.file("recipe.toml")) << text;
    return folder.file("recipe.toml");
  }
  /// Exit status 2 and a message of `lines` lines.
  void expect_refused(const std::vector<std::string>& words, const std::string& what, long lines = 1) {
    EXPECT_EQ(run(words), 2) << err;
    EXPECT_THAT(err, HasSubstr(what));
    EXPECT_EQ(std::count(err.begin(), err.end(), '\n'), lines) << err;
  }
};

TEST(Program, TrainsSamplesAndSaysWhereThingsAre) {
  Shell shell;
  ASSERT_EQ(shell.run({"train", shell.recipe(), "--out", shell.folder.file("runs")}), 0) << shell.err;
  const std::string run = shell.folder.file("runs/00000-tiny");
  EXPECT_EQ(shell.out, run + "\n");
  for (const char* name : {"recipe.toml", "log.txt", "stats.jsonl", "reals.png", "fakes000000.png", "model.safetensors",
                           "interpolations.png"})
    EXPECT_TRUE(std::filesystem::exists(run + "/" + name)) << name;

  ASSERT_EQ(shell.run({"sample", run, "--seeds", "0-69", "--class", "Sandal", "--out", shell.folder.file("many")}), 0)
      << shell.err;
  ASSERT_EQ(shell.run({"sample", run, "--seeds", "68", "--class", "5", "--out", shell.folder.file("one")}), 0)
      << shell.err;
  const at::Tensor many = read_image(shell.folder.file("many/seed0068.png")),
                   one = read_image(shell.folder.file("one/seed0068.png"));
  EXPECT_LE((many.to(at::kInt) - one.to(at::kInt)).abs().max().item<int>(), 1) << "the same seed, in a batch and alone";

  shell.expect_refused({"sample", run, "--seeds", "3-1"}, "--seeds 3-1");
  ASSERT_EQ(shell.run({"sample", run, "--seeds", "18446744073709551615", "--out", shell.folder.file("last")}), 0);
  shell.expect_refused({"sample", run, "--class", "Kilt"}, "--class Kilt: not a class");
  shell.expect_refused(
      {"invert", run, "--method", "encode", "--data", "fashion-mnist", "--count", "2", "--out", shell.folder.file("i")},
      "encode");
  shell.expect_refused({"eval", run, "--metrics", "fidd"}, "did you mean 'fid'?");
}

TEST(Program, AMetricThatCannotBeTakenDoesNotEndATraining) {
  Shell shell;
  const std::string recipe = shell.recipe(
      "name = \"plane\"\n[data]\nsource = \"ring\"\n[game]\nz_dim = 2\n[generator]\nkind = \"mlp\"\nwidths = [8]\n"
      "[discriminator]\nkind = \"mlp\"\nwidths = [8]\n[train]\nkimg = 0.5\nmonitors = false\n"
      "[eval]\nmetrics = [\"intra\"]\nsamples = 200\n");
  EXPECT_EQ(shell.run({"train", recipe, "--out", shell.folder.file("runs")}), 0) << shell.err;
  EXPECT_THAT(shell.err, HasSubstr("warning: eval.metrics: intra: needs labels"));
  EXPECT_TRUE(std::filesystem::exists(shell.folder.file("runs/00000-plane/model.safetensors")));
}

TEST(Program, UnknownWordsAreAnsweredWithTheNearestKnownOne) {
  Shell shell;
  shell.expect_refused({"tran"}, "unknown command 'tran': did you mean 'train'?");
  shell.expect_refused({"train", "--resme"}, "--resme");
  shell.expect_refused({"list", "loses"}, "did you mean 'losses'?");
}

TEST(Program, EveryProblemOfARecipeIsToldAtOnce) {
  Shell shell;
  const std::string path = shell.recipe("[train]\nkmig = 1\nbatch = 0\n[game]\nloss = \"hinj\"\n");
  EXPECT_EQ(shell.run({"train", path}), 2);
  EXPECT_THAT(shell.err, HasSubstr(":2: unknown key 'train.kmig': did you mean 'train.kimg'?"));
  EXPECT_THAT(shell.err, HasSubstr(":3: train.batch: 0 is out of range"));
  EXPECT_THAT(shell.err, HasSubstr(":5: game.loss: unknown value 'hinj': did you mean 'hinge'?"));
  EXPECT_FALSE(std::filesystem::exists("runs/00000-unnamed"));
}

TEST(Program, MissingAndUnfitThingsAreNamedInOneLine) {
  Shell shell;
  shell.expect_refused({"train", "no/such.toml"}, "no/such.toml");
  shell.expect_refused({"sample", "no/such/model"}, "no/such/model");
  shell.expect_refused({"report", shell.folder.path()}, shell.folder.path());
  shell.expect_refused({"train", shell.recipe(), "--set", "data.source=no-such-data"}, "no-such-data");
  shell.expect_refused({"train", shell.recipe(), "--set", "train.batch=4096"}, "fewer than one batch of 4096");
  shell.expect_refused({"train", shell.recipe(), "--out", "/proc/none"}, "/proc/none");
  shell.expect_refused({"train", shell.recipe(), "--dry-run", "--init", "no/such/model"}, "no/such/model");
  shell.expect_refused({"train", shell.recipe(), "--dry-run", "--set", "eval.metrics=[\"fidd\"]"},
                       "did you mean 'fid'?");
  shell.expect_refused({"train", shell.recipe(), "--dry-run", "--set", "eval.features=no/net.pt"}, "no/net.pt");
  shell.expect_refused({"train", "--resume", "--out", shell.folder.file("nothing")}, "no run to resume");
  std::ofstream(shell.folder.file("bad.safetensors")) << "not a model";
  shell.expect_refused({"sample", shell.folder.file("bad.safetensors")}, "bad.safetensors");
}

TEST(Program, WhatIsNoNumberIsRefusedWhereverANumberGoes) {
  Shell shell;
  shell.expect_refused({"sample", "run", "--trunc", "nan"}, "nan is not a finite number");
  shell.expect_refused({"anomaly", "fit", "run", "--false-alarms", "NaN"}, "NaN is not a finite number");
  shell.expect_refused({"edit", "apply", "run", "--strengths", "1,inf"}, "inf is not a finite number");
}

TEST(Program, OptionsDoNotSwallowWhatFollowsThem) {
  Shell shell;
  shell.expect_refused({"train", "--set", "train.kimg=1", "/nowhere.toml"}, "cannot read /nowhere.toml");
  shell.expect_refused({"eval", "--metrics", "fid,kid", "/nowhere"}, "cannot read /nowhere");
  shell.expect_refused({"probe", "--few", "10,20", "/nowhere"}, "cannot read /nowhere");
  shell.expect_refused({"train", shell.recipe(), "--seed", "-5"}, "--seed: Value -5 not in range 0");
}

TEST(Program, OutputThatCannotBeWrittenIsAnError) {
  Shell shell;
  const std::string command = std::string(OBVERSE_PROGRAM) + " list --json > /dev/full 2> " + shell.folder.file("err");
  EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 2);
}

TEST(Program, WhatDoesNotFitIntoMemoryIsRefusedInOneLine) {
  Shell shell;
  shell.expect_refused(
      {"train", shell.recipe(), "--dry-run", "--set", "game.z_dim=65536", "--set", "generator.channels=[8192,8]"},
      "out of memory");
}

TEST(Program, AMistypedTableOnTheCommandLineIsBlamedThere) {
  Shell shell;
  shell.expect_refused({"train", shell.recipe(), "--set", "tran.kimg=1"}, "--set tran.kimg=1: unknown key 'tran'");
}

TEST(Program, ARunIsNoFolderOfPictures) {
  Shell shell;
  for (const char* name : {"recipe.toml", "stats.jsonl"}) std::ofstream(shell.folder.file(name)) << "";
  shell.expect_refused({"eval", "--real", "fashion-mnist", "--fake", shell.folder.path()},
                       "is a run, its pictures are");
}

TEST(Program, PhotosWithoutLabelsTrainWithTheUsualSettings) {
  Shell shell;
  std::filesystem::create_directory(shell.folder.file("photos"));
  for (int i = 0; i < 40; ++i)
    write_png(shell.folder.file("photos/" + std::to_string(i) + ".png"),
              at::randint(0, 256, {3, 16, 16}, at::kLong).to(at::kByte));
  std::filesystem::copy_file(shell.folder.file("photos/0.png"), shell.folder.file("photos/twin.png"));
  const std::string path = shell.recipe(
      "name = \"photos\"\n[data]\nsource = \"" + shell.folder.file("photos") +
      "\"\n[generator]\nkind = \"dcgan\"\nchannels = [16, 8]\n[discriminator]\nkind = \"dcgan\"\nchannels = [8, 16]\n"
      "[train]\nkimg = 0.2\nbatch = 8\nmonitors = false\n[eval]\nmetrics = [\"dc\"]\nsamples = 60\n");
  ASSERT_EQ(shell.run({"train", path, "--out", shell.folder.file("runs")}), 0) << shell.err;
  EXPECT_THAT(shell.err, HasSubstr("features are those of a fixed random network"));
  EXPECT_THAT(shell.err, ::testing::AllOf(HasSubstr("note: all: 41 samples are few"), HasSubstr("game.augment")));
  EXPECT_THAT(shell.err, HasSubstr("1 exact duplicate: twin.png = 0.png"));
}

TEST(Program, DryRunPrintsTheEffectiveRecipeAndWritesNothing) {
  Shell shell;
  ASSERT_EQ(shell.run({"train", shell.recipe(), "--out", shell.folder.file("runs"), "--dry-run", "--set",
                       "train.kimg=7", "--seed", "3"}),
            0)
      << shell.err;
  EXPECT_THAT(shell.out, HasSubstr("kimg = 7.0"));
  EXPECT_THAT(shell.out, HasSubstr("seed = 3"));
  EXPECT_THAT(shell.out, HasSubstr("# memory, MiB: "));
  EXPECT_FALSE(std::filesystem::exists(shell.folder.file("runs")));
}

TEST(Program, ListsItsTablesAndCompletesThem) {
  Shell shell;
  ASSERT_EQ(shell.run({"list", "--json"}), 0);
  EXPECT_THAT(shell.out, HasSubstr("relativistic-pairing"));
  ASSERT_EQ(shell.run({"completion"}), 0);
  EXPECT_THAT(shell.out, HasSubstr("complete -o filenames -F _obverse obverse"));
}

TEST(ProgramSweep, TriesEveryValueStopsTheHopelessAndGoesOnWhereItWas) {
  Shell shell;
  const std::string path = shell.recipe(
      "name = \"points\"\n[data]\nsource = \"ring\"\n[game]\nz_dim = 2\nr1 = { weight = 0.1 }\n"
      "[generator]\nkind = \"mlp\"\nwidths = [32]\noptimiser = { lr = 1e-3, beta1 = 0 }\n"
      "[discriminator]\nkind = \"mlp\"\nwidths = [32]\noptimiser = { lr = 1e-3, beta1 = 0 }\n"
      "[train]\nkimg = 12\nbatch = 64\nsnapshot_kimg = 3\nmonitors = false\n[eval]\nsamples = 500\n");
  const std::string out = shell.folder.file("sweep");
  const std::vector<std::string> words = {"sweep", path, "--vary", "generator.optimiser.lr=3e-3,4e-3,5e-3,1e-9",
                                          "--out", out};
  ASSERT_EQ(shell.run(words), 0) << shell.err;
  EXPECT_THAT(shell.err, HasSubstr("3/4: lr=5e-3, seed 0: finished"));
  EXPECT_THAT(shell.err, HasSubstr("4/4: lr=1e-9, seed 0: stopped"));
  EXPECT_THAT(shell.out, HasSubstr("0 of 1"));
  EXPECT_TRUE(std::filesystem::exists(out + "/best.toml"));
  const std::string table = shell.out;
  std::filesystem::remove_all(out + "/00001-points-lr=4e-3");
  ASSERT_EQ(shell.run(words), 0) << shell.err;
  EXPECT_EQ(shell.out, table) << "what was there is kept, what was missing is the same again";
  EXPECT_TRUE(std::filesystem::exists(out + "/00004-points-lr=4e-3"));
  shell.expect_refused({"sweep", path, "--vary", "game.r1.weight", "--out", out}, "write it as key=value,value");
  shell.expect_refused({"sweep", path, "--vary", "game.r1.wieght=1", "--out", out}, "did you mean");
  shell.expect_refused({"sweep", path, "--vary", "train.seed=1", "--metric", "fidd", "--out", out},
                       "did you mean 'fid'");
}

TEST(ProgramExplain, ShowsNetworksLossesAndSchedulesOfARecipe) {
  Shell shell;
  ASSERT_EQ(shell.run({"explain", OBVERSE_SOURCE_DIR "/recipes/ring.toml"}), 0) << shell.err;
  EXPECT_THAT(shell.out, HasSubstr("trunk.linear0"));
  EXPECT_THAT(shell.out, HasSubstr("E softplus(D(G(z)) - D(x))"));
  EXPECT_THAT(shell.out, HasSubstr("gamma / 2 ||grad D||^2 on real samples"));
  EXPECT_THAT(shell.out, HasSubstr("game.r1.weight"));
  EXPECT_THAT(shell.out, HasSubstr("▁"));
}

}  // namespace
}  // namespace obverse
