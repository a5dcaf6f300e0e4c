// The recipes that ship: each is valid, and those of the mixtures find every mode even in a short form.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "../data/files_for_tests.h"
#include "../program.h"
#include "../temporary_folder.h"

namespace obverse {
namespace {

using testing::Program;
using testing::slurp;
using testing::TemporaryFolder;

const std::string kRecipes = OBVERSE_SOURCE_DIR "/recipes";

// MNIST and the emoji do not come with the system: a handful of pictures stands in.
class Recipes : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const std::string split : {"train", "t10k"}) {
      testing::put(data_.file("mnist/" + split + "-images-idx3-ubyte"),
                   testing::idx(at::zeros({200, 28, 28}, at::kByte)));
      testing::put(data_.file("mnist/" + split + "-labels-idx1-ubyte"),
                   testing::idx(at::arange(200).remainder(10).to(at::kByte)));
    }
    for (int64_t i = 0; i < 80; ++i)
      for (const std::string style : {"apple", "google"})
        testing::put(
            data_.file("emoji/emoji-datasource-" + style + "/img/" + style + "/64/" + std::to_string(i) + ".png"),
            encode_png(testing::numbered(i, 3, 64)));
    setenv("OBVERSE_DATA", data_.file("").c_str(), 1);
  }
  void TearDown() override { unsetenv("OBVERSE_DATA"); }

 private:
  TemporaryFolder data_;
};

TEST_F(Recipes, OfGeneratorsAreValidByThemselves) {
  int seen = 0;
  for (const auto& file : std::filesystem::directory_iterator(kRecipes)) {
    if (slurp(file.path().string()).find("kind = \"encoder\"") != std::string::npos) continue;  // needs a generator
    const TemporaryFolder folder;
    Program program({"train", file.path().string(), "--dry-run"}, folder.file("log"));
    EXPECT_EQ(program.wait(), 0) << file.path() << ": " << program.err();
    ++seen;
  }
  EXPECT_GE(seen, 4);
}

// A moment of each, on the digits above; then there and back, the class given or found.
TEST_F(Recipes, ThatInferAreTrainedSampledAndInverted) {
  struct Inferring {
    std::string name;
    bool conditional;
  };
  for (const auto& [name, conditional] :
       {Inferring{"joint-regressor-fashion", false}, Inferring{"bigan-fashion-conditional", true},
        Inferring{"vae-fashion-conditional", true}, Inferring{"two-way-fashion", false}}) {
    const TemporaryFolder folder;
    const auto run = [&](std::vector<std::string> words) {
      Program program(words, folder.file("log"));
      EXPECT_EQ(program.wait(), 0) << program.err();
      return program.out();
    };
    run({"train", kRecipes + "/" + name + ".toml", "--out", folder.file("runs"), "--quiet", "--set",
         "data.source=\"mnist\"", "--set", "train.kimg=0.064", "--set", "train.monitors=false", "--set",
         "eval.metrics=[]"});
    const std::string model = folder.file("runs/00000-" + name);
    std::vector<std::string> invert = {"invert",  model, "--count", "3",     "--method",      "hybrid",
                                       "--steps", "2",   "--json",  "--out", folder.file("i")};
    if (conditional) invert.push_back("--find-class");
    const auto summary = nlohmann::json::parse(run(invert));
    EXPECT_EQ(summary["method"], "hybrid") << name;
    EXPECT_EQ(summary["class_accuracy"].is_null(), !conditional) << name;
    EXPECT_TRUE(std::filesystem::exists(folder.file("i/figure.png")));
    std::vector<std::string> sample = {
        "sample", model, "--latents", folder.file("i/latents.npz"), "--grid", folder.file("back.png")};
    run(sample);
    if (!conditional) continue;
    run({"sample", model, "--seeds", "0-3", "--class", "3", "--grid", folder.file("threes.png")});
  }
}

struct Mixture {
  std::string name, kimg;  // a small part of the recipe's length
  double modes, high_quality, reverse_kl;
  friend void PrintTo(const Mixture& mixture, std::ostream* out) { *out << mixture.name; }
};

class ShortMixture : public ::testing::TestWithParam<Mixture> {};

TEST_P(ShortMixture, FindsEveryModeEvenly) {
  setenv("OMP_NUM_THREADS", "1", 1);  // such small matrices gain nothing from a second one
  const TemporaryFolder folder;
  Program train({"train", kRecipes + "/" + GetParam().name + ".toml", "--out", folder.file("runs"), "--quiet", "--set",
                 "train.kimg=" + GetParam().kimg, "--set", "train.monitors=false", "--set", "eval.metrics=[]"},
                folder.file("train"));
  ASSERT_EQ(train.wait(), 0) << train.err();
  Program eval(
      {"eval", folder.file("runs/00000-" + GetParam().name), "--metrics", "modes", "--samples", "2500", "--json"},
      folder.file("eval"));
  ASSERT_EQ(eval.wait(), 0) << eval.err();
  const auto line = nlohmann::json::parse(eval.out()).at(0);
  const auto figure = [&](const std::string& label) {
    for (const auto& [key, name] : line["label"].items())
      if (name == label) return line["results"][key].get<double>();
    ADD_FAILURE() << "no figure '" << label << "' in " << eval.out();
    return 0.0;
  };
  EXPECT_EQ(figure("modes"), GetParam().modes);
  EXPECT_GT(figure("high quality"), GetParam().high_quality);
  EXPECT_LT(figure("reverse kl"), GetParam().reverse_kl);
}

INSTANTIATE_TEST_SUITE_P(Table, ShortMixture,
                         ::testing::Values(Mixture{"ring", "160", 8, 0.5, 0.1}, Mixture{"grid", "480", 25, 0.5, 0.2}),
                         [](const auto& mixture) { return mixture.param.name; });

}  // namespace
}  // namespace obverse
