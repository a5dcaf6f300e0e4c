#include "obverse/report/run.h"

#include <gmock/gmock.h>

#include "obverse/core/error.h"
#include "tests/report/run_fixture.h"

namespace obverse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::ThrowsMessage;

class ReadRun : public RunFixture {};

TEST_F(ReadRun, RefusesWhatIsNoRunFolder) {
  EXPECT_THAT([] { read_run("/nowhere"); }, ThrowsMessage<UserError>(HasSubstr("/nowhere: not a folder")));
  EXPECT_THAT([&] { read_run(run_); }, ThrowsMessage<UserError>(HasSubstr(run_ + ": not a run folder")));
}

TEST_F(ReadRun, ReadsTheWholeOfAFinishedRun) {
  write_whole_run();
  const RunRecord run = read_run(run_ + "/");
  EXPECT_EQ(run.name, "00003-run");
  EXPECT_EQ(run.option("name"), "rings");
  EXPECT_EQ(run.option("game.kind"), "gan");
  ASSERT_TRUE(run.curve("Loss/D/loss"));
  EXPECT_EQ(run.curve("Loss/D/loss")->x.back(), 40);
  EXPECT_EQ(run.curve("Loss/D/loss")->y.front(), 1);
  EXPECT_EQ(*run.started, 1001);
  EXPECT_EQ(run.fakes.size(), 3u);
  EXPECT_EQ(run.fakes.back().first, 40);
  EXPECT_EQ(run.fakes.back().second.width, 48);
  EXPECT_EQ(run.measurements.back().value, 12.5);
  EXPECT_EQ(*run.measurements.front().low, 38);
  EXPECT_EQ(run.findings.front().cause, "non-finite values");
  EXPECT_EQ(run.inversions.size(), 2u);
  EXPECT_THAT(run.model->shape, ElementsAre(1, 4, 4));
  EXPECT_EQ(run.model->parameters.at("generator"), 15);
  EXPECT_THAT(run.notes, IsEmpty());
}

TEST_F(ReadRun, LeavesOutLinesThatAKilledRunDidNotFinish) {
  write_figures(1);
  write_figures(2);
  std::ofstream(run_ + "/stats.jsonl", std::ios::app) << "{\"Loss/D/loss\": {\"num\": 1, \"me";
  const RunRecord run = read_run(run_);
  EXPECT_EQ(run.curve("Loss/D/loss")->y.size(), 2u);
  EXPECT_THAT(run.notes, ElementsAre("stats.jsonl: 1 of 3 lines is damaged and left out."));
}

TEST_F(ReadRun, KeepsNullMeansAsGapsAndCountsLinesWithoutKimg) {
  write("stats.jsonl", "{\"Loss/a\": {\"mean\": null}}\n{\"Loss/a\": {\"mean\": 2}, \"b\": 3, \"c\": {\"num\": 1}}\n");
  const RunRecord run = read_run(run_);
  ASSERT_EQ(run.curves.size(), 1u);
  EXPECT_TRUE(std::isnan(run.curves[0].y[0]));
  EXPECT_THAT(run.curves[0].x, ElementsAre(0, 1));
}

TEST_F(ReadRun, TakesMembersByResultOrForTheLine) {
  write("recipe.toml", "");
  write("metric-prdc.jsonl",
        R"({"results": {"precision": 0.5, "recall": 0.25, "odd": "text"}, "low": {"precision": 0.4, "recall": null},)"
        R"( "floor": 0.9, "label": {"recall": "recall"}, "higher_is_better": {"recall": true},)"
        R"( "details": {"recall": {"10": 1, "9": 2, "x": "text"}}})"
        "\n"
        R"({"results": {"kid": null}, "metric": "kid5k", "low": "much", "details": 3})"
        "\n[1, 2]\n{}\n");
  const RunRecord run = read_run(run_);
  ASSERT_EQ(run.measurements.size(), 3u);
  EXPECT_EQ(run.measurements[0].metric, "prdc");
  EXPECT_EQ(*run.measurements[0].low, 0.4);
  EXPECT_FALSE(run.measurements[1].low);
  EXPECT_EQ(*run.measurements[1].floor, 0.9);
  EXPECT_EQ(run.measurements[1].label, "recall");
  EXPECT_EQ(run.measurements[1].higher_is_better, true);
  EXPECT_THAT(run.measurements[1].details,
              ElementsAre(std::pair<std::string, double>{"9", 2}, std::pair<std::string, double>{"10", 1}));
  EXPECT_EQ(run.measurements[2].metric, "kid5k");
  EXPECT_TRUE(std::isnan(run.measurements[2].value));
  EXPECT_FALSE(run.measurements[2].low);
}

TEST_F(ReadRun, OrdersSnapshotsByKimgAndSkipsOtherFiles) {
  write("recipe.toml", "");
  for (const char* name : {"fakes000100.png", "fakes000020.png", "fakes_init.png", "fakes.png", "fakesABC.png"})
    write_grid(name, 1, 2);
  std::vector<int64_t> kimgs;
  for (const auto& [kimg, picture] : read_run(run_).fakes) kimgs.push_back(kimg);
  EXPECT_THAT(kimgs, ElementsAre(0, 20, 100));
}

TEST_F(ReadRun, ShowsASelectionOfManySnapshotsFirstAndLastAmongThem) {
  write("recipe.toml", "");
  for (int i = 0; i < 60; ++i) write_grid("fakes" + std::to_string(i) + ".png", 1, 1);
  const RunRecord run = read_run(run_);
  EXPECT_EQ(run.fakes.size(), 24u);
  EXPECT_EQ(run.fakes_left_out, 36u);
  EXPECT_EQ(run.fakes.front().first, 0);
  EXPECT_EQ(run.fakes.back().first, 59);
}

TEST_F(ReadRun, NotesDamagedFilesAndReadsTheRest) {
  write_whole_run();
  write("reals.png", "\x89PNG cut short");
  write("model.safetensors", "not a model");
  write("inversion-encode/summary.json", "{");
  write("recipe.toml", "name = ");
  const RunRecord run = read_run(run_);
  EXPECT_FALSE(run.reals);
  EXPECT_FALSE(run.model);
  EXPECT_EQ(run.inversions.size(), 1u);
  EXPECT_EQ(run.notes.size(), 4u);
  EXPECT_EQ(run.fakes.size(), 3u);
}

}  // namespace
}  // namespace obverse
