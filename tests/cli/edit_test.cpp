#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "../program.h"
#include "../temporary_folder.h"

namespace obverse {
namespace {

using ::testing::HasSubstr;
using testing::Program;
using testing::TemporaryFolder;

class Edit : public ::testing::Test {
 protected:
  // Two conditional models of Fashion-MNIST that have hardly learned anything.
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder;
    std::ofstream(file("m.toml"))
        << "name = 'm'\n[data]\nlimit = 500\n[game]\nz_dim = 6\nconditional = true\n"
           "[generator]\nkind = 'mlp'\nwidths = [16]\n[discriminator]\nkind = 'mlp'\n"
           "widths = [16]\n[train]\nkimg = 0.1\nbatch = 10\nmonitors = false\n[eval]\nmetrics = []\n";
    std::ofstream(file("s.toml"))
        << "name = 's'\n[data]\nlimit = 500\n[game]\nz_dim = 6\n[generator]\n"
           "kind = 'stylegan2'\nchannels = [8, 8]\nw_dim = 8\nmapping_layers = 1\n"
           "[discriminator]\nkind = 'mlp'\nwidths = [16]\n[train]\nkimg = 0.02\nbatch = 10\nmonitors = false\n"
           "[eval]\nmetrics = []\n";
    run({"train", file("m.toml"), "--out", file("runs"), "--quiet"});
    run({"train", file("s.toml"), "--out", file("runs"), "--quiet"});
  }
  static void TearDownTestSuite() { delete folder_; }
  static std::string file(const std::string& name) { return folder_->file(name); }
  static std::string run(const std::vector<std::string>& arguments, int status = 0) {
    Program program(arguments, file("log"));
    EXPECT_EQ(program.wait(), status) << program.err();
    return status == 0 ? program.out() : program.err();
  }
  static bool there(const std::string& name) { return std::filesystem::exists(file(name)); }
  static TemporaryFolder* folder_;
};
TemporaryFolder* Edit::folder_ = nullptr;

TEST_F(Edit, FindsDirectionsAndAppliesThem) {
  const std::string model = file("runs/00000-m"), ways = file("ways");
  const std::string table = run({"edit", "find", model, "--kind", "sefa", "--count", "2", "--samples", "8",
                                 "--features", "random", "--out", ways});
  EXPECT_THAT(table, HasSubstr("sefa1"));
  EXPECT_TRUE(there("ways/summary.json") && there("ways/overview.png"));
  run({"edit", "apply", model, "--own", "3", "--directions", ways, "--way", "sefa1", "--strengths=-1,1", "--out",
       file("e")});
  EXPECT_TRUE(there("e/edits.png"));
  run({"sample", model, "--latents", file("e/latents.npz"), "--out", file("back")});
  EXPECT_TRUE(there("back/latent0005.png"));
  run({"edit", "apply", model, "--own", "3", "--to-class", "Dress", "--out", file("c")});
  EXPECT_TRUE(there("c/edits.png"));
  const auto decoded =
      [&](const std::vector<std::string>& more) {  // the written codes, under their own class or another
        std::vector<std::string> words = {"sample", model,           "--latents", file("c/latents.npz"),
                                          "--grid", file("grid.png")};
        words.insert(words.end(), more.begin(), more.end());
        run(words);
        return testing::slurp(file("grid.png"));
      };
  EXPECT_EQ(decoded({}), decoded({"--class", "Dress"}));
  EXPECT_NE(decoded({}), decoded({"--class", "Bag"}));
  EXPECT_THAT(run({"sample", model, "--latents", file("c/latents.npz"), "--trunc", "0.5"}, 2), HasSubstr("excludes"));
  EXPECT_THAT(run({"edit", "apply", file("runs/00001-s"), "--own", "1", "--space", "w", "--to-class", "0"}, 2),
              HasSubstr("use --space z"));
  EXPECT_THAT(run({"edit", "apply", file("runs/00001-s"), "--own", "1", "--directions", ways, "--way", "0"}, 2),
              HasSubstr("another model"));
  run({"edit", "find", model, "--kind", "pca", "--count", "2", "--samples", "8", "--features", "random"});
  run({"report", model});
  EXPECT_THAT(testing::slurp(file("runs/00000-m/report.html")), HasSubstr("pca1"));
  EXPECT_THAT(run({"edit", "find", model, "--kind", "svm", "--features", "random", "--out", ways}, 2),
              HasSubstr("is conditional"));
}

TEST_F(Edit, GoesFromPictureToPictureAndDoesArithmetic) {
  const std::string model = file("runs/00000-m");
  run({"sample", model, "--seeds", "4", "--out", file("pictures")});
  run({"edit", "path", model, file("pictures/seed0004.png"), "seed:1", "--steps", "5", "--frames", "4", "--animate",
       file("a.png"), "--out", file("p")});
  EXPECT_TRUE(there("p/path.png") && there("a.png"));
  run({"edit", "arithmetic", model, "seed:1", "seed:2", "seed:3", "--out", file("a")});
  EXPECT_TRUE(there("a/arithmetic.png"));
  EXPECT_THAT(run({"edit", "path", model, "seed:x", "seed:1"}, 2), HasSubstr("not a seed"));
  EXPECT_THAT(run({"edit", "mix", model, "seed:1", "seed:2", "--layers", "0"}, 2), HasSubstr("has codes z alone"));
}

TEST_F(Edit, WorksInWAndMixesStyles) {
  const std::string model = file("runs/00001-s");
  run({"edit", "mix", model, "seed:1", "seed:2", "--layers", "0-1", "--steps", "3", "--out", file("mix")});
  EXPECT_TRUE(there("mix/mix.png"));
  run({"sample", model, "--latents", file("mix/latents.npz"), "--grid", file("mixed.png")});
  EXPECT_TRUE(there("mixed.png"));
  EXPECT_THAT(run({"edit", "find", model, "--kind", "sefa", "--features", "random"}, 2), HasSubstr("--space w"));
  run({"edit", "find", model, "--kind", "sefa", "--space", "w", "--samples", "4", "--features", "random", "--out",
       file("w")});
  EXPECT_THAT(run({"edit", "apply", model, "--own", "1", "--directions", file("w"), "--way", "0"}, 2),
              HasSubstr("use --space w"));
}

}  // namespace
}  // namespace obverse
