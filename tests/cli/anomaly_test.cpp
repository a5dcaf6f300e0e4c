// `obverse anomaly`: from a folder or a table to scores, pictures and figures.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "../program.h"
#include "../temporary_folder.h"
#include "obverse/core/rng.h"
#include "obverse/io/image.h"
#include "tests/io/refused.h"

namespace obverse {
namespace {

using ::testing::HasSubstr;
using testing::Program;
using testing::put;
using testing::slurp;
using testing::TemporaryFolder;
using Json = nlohmann::json;

class AnomalyCommand : public ::testing::Test {
 protected:
  std::string file(const std::string& name) const { return folder_.file(name); }
  std::string run(const std::vector<std::string>& words, int status = 0) {
    Program program(words, file("log"));
    EXPECT_EQ(program.wait(), status) << program.err();
    err_ = program.err();
    return program.out();
  }
  void expect_refused(const std::vector<std::string>& words, const std::string& what) {
    run(words, 2);
    EXPECT_THAT(err_, HasSubstr(what));
    EXPECT_EQ(std::count(err_.begin(), err_.end(), '\n'), 1) << err_;
  }
  // MVTec's layout: good pictures are dark with a light bar at a random height, scratched ones have a slanted line too.
  void put_bars() {
    Rng rng(1, "bars");
    const auto put_pictures = [&](const std::string& where, int n, bool scratch) {
      for (int i = 0; i < n; ++i) {
        at::Tensor picture = (rng.uniform({1, 12, 12}) * 20).to(at::kByte);
        const int64_t row = 2 + rng.integers(7, {1}).item<int64_t>();
        picture.slice(1, row, row + 2).fill_(200);
        for (int64_t k = 0; scratch && k < 12; ++k) picture[0][k][k] = 255;
        put(file(where + "/" + std::to_string(i) + ".png"), encode_png(picture));
      }
    };
    put_pictures("bars/train/good", 100, false);
    put_pictures("bars/test/good", 20, false);
    put_pictures("bars/test/scratch", 20, true);
    put_pictures("bars/ground_truth/scratch", 1, true);
  }
  void train(const std::string& source, const std::string& tables) {
    std::ofstream(file("r.toml")) << "name = 'm'\n[data]\nsource = '" << source << "'\nheld_out = 0.3\n"
                                  << tables << "[train]\nkimg = 20\nbatch = 20\nmonitors = false\n";
    run({"train", file("r.toml"), "--out", file("runs"), "--quiet"});
    model_ = file("runs/00000-m");
  }
  int64_t files_below(const std::string& folder) {
    int64_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(file(folder)))
      count += entry.is_regular_file() ? 1 : 0;
    return count;
  }
  TemporaryFolder folder_;
  std::string model_, err_;
};

const char* kVae =
    "[game]\nkind = 'vae'\nz_dim = 4\n[generator]\nkind = 'mlp'\nwidths = [64]\n[encoder]\nkind = 'mlp'\nwidths = "
    "[64]\n";

TEST_F(AnomalyCommand, FindsScratchedPicturesOfAFolderAndReportsThem) {
  put_bars();
  train(file("bars"), kVae);
  const std::string out = model_ + "/anomaly-reconstruction";
  const Json fit = Json::parse(run({"anomaly", "fit", model_, "--false-alarms", "0.1", "--out", out, "--json"}));
  EXPECT_EQ(fit["held_out"], 30);
  EXPECT_EQ(fit["decision_scores_"].size(), 30u);
  EXPECT_EQ(fit["seen_in_training"], false);
  const Json score = Json::parse(run({"anomaly", "score", out, "--json"}));
  EXPECT_EQ(score["detection"]["anomalies"], 20);
  EXPECT_EQ(score["normal_classes"], Json({"good"}));
  EXPECT_GT(score["detection"]["auroc"]["value"].get<double>(), 0.9);
  EXPECT_EQ(score["labels_"].size(), 40u);
  EXPECT_EQ(score["threshold_"], fit["threshold_"]);
  for (const char* name : {"scores.csv", "scores.jsonl", "summary.json", "strangest.png", "plainest.png"})
    EXPECT_TRUE(std::filesystem::exists(out + "/" + name)) << name;
  EXPECT_THAT(run({"anomaly", "report", out}), HasSubstr("reconstruction"));
  run({"report", model_});
  EXPECT_THAT(slurp(model_ + "/report.html"), HasSubstr("id=\"anomalies\""));

  // A folder without labels: names and heat maps, and no figures.
  std::filesystem::create_directory(file("loose"));
  std::filesystem::copy(file("bars/test/scratch"), file("loose"));
  const Json loose = Json::parse(run({"anomaly", "score", out, file("loose"), "--out", file("s"), "--json"}));
  EXPECT_TRUE(loose["detection"].is_null());
  EXPECT_EQ(files_below("s/maps"), loose["alarms"].get<int64_t>());
  EXPECT_THAT(slurp(file("s/scores.csv")), HasSubstr("\n0,0.png,,"));

  // Of folders, whose pictures may have each other's names.
  for (const char* folder : {"kinds/a", "kinds/a-b"}) std::filesystem::create_directories(file(folder));
  std::filesystem::copy(file("loose/0.png"), file("kinds/a/b-0.png"));
  std::filesystem::copy(file("loose/0.png"), file("kinds/a-b/0.png"));
  EXPECT_EQ(Json::parse(run({"anomaly", "score", out, file("kinds"), "--out", file("k"), "--json"}))["alarms"], 2);
  EXPECT_EQ(files_below("k/maps"), 2);

  // Defects alone: scores, but no AUROC.
  for (const char* kind : {"train/good", "test/scratch"}) {
    std::filesystem::create_directories(file("only") + "/" + kind);
    std::filesystem::copy(file("bars") + "/" + kind, file("only") + "/" + kind);
  }
  const Json defects = Json::parse(run({"anomaly", "score", out, file("only"), "--out", file("s"), "--json"}));
  EXPECT_EQ(defects["detection"]["normals"], 0);
  EXPECT_TRUE(defects["detection"]["auroc"].is_null());
  EXPECT_THAT(err_, HasSubstr("AUROC and AUPRC need both kinds"));
  expect_refused({"anomaly", "score", out, file("bars"), "--normal-classes", "fine"}, "unknown class 'fine'");
  expect_refused({"anomaly", "score", out, "ring"}, "the model is of 1x12x12 images");
  expect_refused({"anomaly", "fit", model_, "--false-alarms", "0.01"}, "hold out at least 99");
  expect_refused({"anomaly", "fit", model_, "--method", "egbad"}, "needs a discriminator of pairs");
  expect_refused({"anomaly", "report", file("loose")}, "summary.json");
}

TEST_F(AnomalyCommand, FindsWhatATableDoesNotKnow) {
  Rng rng(2, "rows");
  const auto table = [&](const std::string& name, int n, bool with_strange) {
    std::ofstream out(file(name));
    out << "size,weight,colour,kind\n";
    for (int i = 0; i < n; ++i) {
      const bool strange = with_strange && i % 2;
      const at::Tensor v = rng.normal({2});
      const double size = v[0].item<double>(), weight = (strange ? -2 : 2) * size + 0.1 * v[1].item<double>();
      out << (i % 10 == 9 ? "" : fmt::format("{}", 100 + 10 * size)) << "," << weight << ","
          << (size > 0 ? "red" : "\"dark, blue\"") << "," << (strange ? "fraud" : "fine") << "\n";
    }
  };
  table("normal.csv", 400, false);
  table("new.csv", 100, true);
  train(file("normal.csv"), "label = 'kind'\n[game]\nkind = 'flow'\n[flow]\nkind = 'maf'\nlayers = 3\nwidths = [32]\n");
  run({"anomaly", "fit", model_, "--method", "likelihood", "--out", file("a")});
  const Json score =
      Json::parse(run({"anomaly", "score", file("a"), file("new.csv"), "--normal-classes", "fine", "--json"}));
  EXPECT_EQ(score["detection"]["anomalies"], 50);
  EXPECT_GT(score["detection"]["auroc"]["value"].get<double>(), 0.8);
  EXPECT_THAT(slurp(file("a/scores.csv")), HasSubstr("\n0,line 2,fine,"));
  run({"sample", model_, "--seeds", "0-9", "--out", file("made.csv")});
  EXPECT_THAT(slurp(file("made.csv")), ::testing::StartsWith("size,weight,colour\n"));
  EXPECT_EQ(Json::parse(run({"anomaly", "score", file("a"), file("made.csv"), "--json"}))["samples"], 10);  // no labels
  put(file("text.csv"), "size,weight,colour,kind\n1,heavy,red,fine\n2,3,red,fine\n");
  run({"anomaly", "score", file("a"), file("text.csv")}, 2);
  EXPECT_THAT(err_, HasSubstr("line 2, column weight: 'heavy' is no number"));
  put(file("short.csv"), "size,colour,kind\n1,red,fine\n");
  expect_refused({"anomaly", "score", file("a"), file("short.csv")}, "has no column weight");
}

}  // namespace
}  // namespace obverse
