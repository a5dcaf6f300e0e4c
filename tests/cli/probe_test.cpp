// `obverse probe`: what is read off codes, of data whose factors are known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "../program.h"
#include "../temporary_folder.h"

namespace obverse {
namespace {

using ::testing::HasSubstr;
using testing::Program;
using testing::slurp;
using testing::TemporaryFolder;

TEST(ProbeCommand, PutsCodesBesidePixelsAndAnUntrainedEncoder) {
  const TemporaryFolder folder;
  const auto run = [&](const std::vector<std::string>& words, int status = 0) {
    Program program(words, folder.file("log"));
    EXPECT_EQ(program.wait(), status) << program.err();
    return status == 0 ? program.out() : program.err();
  };
  std::ofstream(folder.file("r.toml"))
      << "name = 'm'\n[data]\nsource = 'shapes'\n[game]\nkind = 'vae'\nz_dim = 4\n[generator]\nkind = 'mlp'\nwidths = "
         "[32]\n[encoder]\nkind = 'mlp'\nwidths = [32]\n[train]\nkimg = 4\nbatch = 50\nmonitors = false\n";
  run({"train", folder.file("r.toml"), "--out", folder.file("runs"), "--quiet"});
  const std::string model = folder.file("runs/00000-m"), out = model + "/probe";
  const auto summary = nlohmann::json::parse(run({"probe", model, "--limit", "600", "--few", "12,60,9000", "--draws",
                                                  "2", "--mapped", "60", "--out", out, "--json"}));
  EXPECT_THAT(slurp(folder.file("log.err")), HasSubstr("--few 9000 is left out"));
  ASSERT_EQ(summary["probes"].size(), 6u);  // codes and hidden features, the same untrained, pixels, components
  for (const auto& row : summary["probes"]) {
    EXPECT_GT(row["linear"]["value"].get<double>(), 0.3) << row;  // three shapes
    EXPECT_EQ(row["few"].size(), 2u);                             // there are no 9,000 labels
  }
  EXPECT_EQ(summary["probes"][5]["width"], 4);
  EXPECT_EQ(summary["disentanglement"][0]["name"], "codes of 00000-m");
  EXPECT_TRUE(std::filesystem::exists(out + "/map-pca.png"));
  EXPECT_TRUE(std::filesystem::exists(out + "/map-tsne.png"));
  run({"report", model});
  EXPECT_THAT(slurp(model + "/report.html"), HasSubstr("id=\"probe\""));
  const std::string message = run({"probe", model, "--data", "ring"}, 2);
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 1) << message;
}

}  // namespace
}  // namespace obverse
