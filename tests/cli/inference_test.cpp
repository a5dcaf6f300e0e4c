// Every command that takes a model takes any kind of it.
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "../program.h"
#include "../temporary_folder.h"
#include "obverse/games/recipe.h"

namespace obverse {
namespace {

using ::testing::HasSubstr;
using testing::Program;
using testing::slurp;
using testing::TemporaryFolder;

struct Kind {
  std::string name, tables, method;  // method: what auto is for it
  friend void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }
};

const std::string kPair =
    "z_dim = 2\n[generator]\nkind = 'mlp'\nwidths = [16]\n[encoder]\nkind = 'mlp'\nwidths = [16]\n";
const std::string kCritic = "[discriminator]\nkind = 'mlp'\nwidths = [16]\n";

class EveryKind : public ::testing::TestWithParam<Kind> {
 protected:
  std::string run(const std::vector<std::string>& arguments) {
    Program program(arguments, folder_.file("log"));
    EXPECT_EQ(program.wait(), 0) << program.err();
    return program.out();
  }
  void train() {
    std::ofstream(folder_.file("r.toml"))
        << "name = 'm'\n[data]\nsource = 'ring'\n[game]\nkind = '" << GetParam().name << "'\n"
        << GetParam().tables << "[train]\nkimg = 2\nbatch = 50\nmonitors = false\n";
    run({"train", folder_.file("r.toml"), "--out", folder_.file("runs"), "--quiet"});
    model_ = folder_.file("runs/00000-m");
  }
  TemporaryFolder folder_;
  std::string model_;
};

TEST_P(EveryKind, IsTrainedSampledInvertedMeasuredAndReported) {
  train();
  run({"sample", model_, "--seeds", "0-9", "--out", folder_.file("samples.npz")});
  EXPECT_TRUE(std::filesystem::exists(folder_.file("samples.npz")));
  const auto inverted = nlohmann::json::parse(
      run({"invert", model_, "--own", "8", "--method", "auto", "--steps", "20", "--json", "--out", folder_.file("i")}));
  EXPECT_EQ(inverted["method"], GetParam().method);
  EXPECT_EQ(inverted["images"], 8);
  run({"sample", model_, "--latents", folder_.file("i/latents.npz"), "--out", folder_.file("back.npz")});
  EXPECT_TRUE(std::filesystem::exists(folder_.file("back.npz")));
  const auto drawn =
      nlohmann::json::parse(run({"posterior", model_, "--own", "2", "--noise", "0.5", "--warmup", "10", "--draws", "10",
                                 "--chains", "2", "--json", "--out", folder_.file("p")}));
  EXPECT_EQ(drawn["draws"], 10);
  EXPECT_TRUE(std::filesystem::exists(folder_.file("p/posterior.npz")));
  const std::string table = run({"eval", model_, "--metrics", "modes,inference", "--inverted", "50"});
  EXPECT_THAT(table, HasSubstr("own code distance"));
  EXPECT_THAT(table, HasSubstr("high quality"));
  run({"report", model_});
  EXPECT_TRUE(std::filesystem::exists(model_ + "/report.html"));
}

INSTANTIATE_TEST_SUITE_P(Table, EveryKind,
                         ::testing::Values(Kind{"bigan", "stochastic = true\n" + kPair + kCritic, "hybrid"},
                                           Kind{"two-way", kPair + kCritic, "hybrid"}, Kind{"vae", kPair, "hybrid"},
                                           Kind{"joint-regressor", kPair + kCritic, "hybrid"},
                                           Kind{"vae-gan", kPair + kCritic, "hybrid"},
                                           Kind{"adversarial-autoencoder", kPair + kCritic, "hybrid"},
                                           Kind{"flow", "[flow]\nkind = 'maf'\nlayers = 2\nwidths = [16]\n", "encode"}),
                         [](const auto& kind) {
                           std::string name = kind.param.name;
                           name.erase(std::remove(name.begin(), name.end(), '-'), name.end());
                           return name;
                         });

TEST(Inference, LikelihoodsAreOfModelsThatHaveThem) {
  const TemporaryFolder folder;
  std::ofstream(folder.file("r.toml"))
      << "name = 'm'\n[data]\nsource = 'ring'\n[game]\nkind = 'gan'\n[generator]\nkind "
         "= 'mlp'\n[discriminator]\nkind = 'mlp'\n[train]\nkimg = 1\nmonitors = false\n";
  Program train({"train", folder.file("r.toml"), "--out", folder.file("runs"), "--quiet"}, folder.file("log"));
  ASSERT_EQ(train.wait(), 0) << train.err();
  for (const char* metric : {"likelihood", "inference", "likelyhood"}) {
    Program eval({"eval", folder.file("runs/00000-m"), "--metrics", metric}, folder.file("log"));
    EXPECT_EQ(eval.wait(), 2) << metric;
    const std::string message = eval.err();
    EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 1) << message;
  }
  Program sets({"eval", "--real", "ring", "--fake", "grid", "--metrics", "inference"}, folder.file("log"));
  EXPECT_EQ(sets.wait(), 2);
  EXPECT_THAT(sets.err(), HasSubstr("looks at a model"));
}

// log of the mean of p(x given z) over the prior, by a sum over 20,000 quantiles of the only number of the code.
TEST(Inference, LikelihoodsAreUnderTheModelsOwnPrior) {
  const TemporaryFolder folder;
  std::ofstream(folder.file("r.toml")) << "name = 'm'\n[data]\nsource = 'ring'\n[game]\nkind = 'gan'\nz_dim = 1\n"
                                          "prior = 'uniform'\n[generator]\nkind = 'mlp'\nwidths = [8]\n"
                                          "[discriminator]\nkind = 'mlp'\n[train]\nkimg = 1\nmonitors = false\n";
  Program train({"train", folder.file("r.toml"), "--out", folder.file("runs"), "--quiet"}, folder.file("log"));
  ASSERT_EQ(train.wait(), 0) << train.err();
  const std::string run = folder.file("runs/00000-m");
  Program ais(
      {"likelihood", run, "--sigma", "0.3", "--samples", "5", "--distributions", "150", "--simulated", "2", "--json"},
      folder.file("log"));
  ASSERT_EQ(ais.wait(), 0) << ais.err();
  const LoadedModel loaded = load_model(run);
  Rng rng(0, "likelihood samples");
  const at::Tensor x = load_dataset(loaded.recipe.data, "test").draw(5, rng).x;
  const at::Tensor z = ((at::arange(20000) + 0.5) / 10000 - 1).view({-1, 1});
  const at::Tensor squares = at::cdist(x, loaded.model->decode(z, {})).square().to(at::kDouble);
  const double wanted =
      at::logsumexp(-squares / (2 * 0.09), {1}).mean().item<double>() - std::log(20000 * 2 * M_PI * 0.09);
  const auto lines = nlohmann::json::parse(ais.out());
  EXPECT_NEAR(lines.at(0).at("results").at("ais5_16x150_gaussian_log_likelihood").get<double>(), wanted, 0.1);
}

}  // namespace
}  // namespace obverse
