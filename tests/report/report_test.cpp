#include "obverse/report/report.h"

#include <gmock/gmock.h>

#include "obverse/core/error.h"
#include "obverse/io/files.h"
#include "obverse/report/metric_words.h"
#include "obverse/report/picture.h"
#include "obverse/report/sections.h"
#include "tests/report/run_fixture.h"
#include "tests/report/well_formed.h"

namespace obverse {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::testing::ThrowsMessage;

bool has(const std::string& page, const std::string& text) { return page.find(text) != std::string::npos; }

class Report : public RunFixture {
 protected:
  std::string render() const { return render_report(read_run(run_)); }
};

// Every value of an attribute in the page.
std::vector<std::string> values_of(const std::string& page, const std::string& attribute) {
  std::vector<std::string> values;
  const std::string start = " " + attribute + "=\"";
  for (size_t at = page.find(start); at != std::string::npos; at = page.find(start, at + 1)) {
    const size_t from = at + start.size();
    values.push_back(page.substr(from, std::min<size_t>(page.find('"', from) - from, 60)));
  }
  return values;
}

void expect_sound(const std::string& page) {
  EXPECT_EQ(xml_problem(page), "");
  EXPECT_FALSE(values_of(page, "href").empty());
  for (const std::string& target : values_of(page, "src")) EXPECT_THAT(target, StartsWith("data:image/png;base64,"));
  for (const std::string& target : values_of(page, "href"))
    EXPECT_TRUE(has(page, "id=\"" + target.substr(1) + "\"")) << "a link to nowhere";
  for (const char* outside : {"http:", "https:", "//cdn", "@import", "<link", "url(", "file:"})
    EXPECT_FALSE(has(page, outside)) << outside;
}

TEST(WellFormed, FindsWhatIsWrong) {
  EXPECT_EQ(xml_problem("<!DOCTYPE html><p a=\"b > c\">x &amp; y<br/></p>"), "");
  for (const char* wrong : {"<p>", "<p><b></p></b>", "a & b", "a < b", "<p a=b></p>", "<p a=\"<\"></p>"})
    EXPECT_NE(xml_problem(wrong), "") << wrong;
}

TEST_F(Report, OfAFinishedRunHasEverySection) {
  write_whole_run();
  const std::string page = render();
  expect_sound(page);
  for (const Section& section : section_table())
    EXPECT_TRUE(has(page, "<section id=\"" + section.id + "\">")) << section.id;
  for (const char* text : {"<h1>rings</h1>", "12.5", "11 to 14", "2000 generated, 10\u202F000 real", "c 01234567",
                           "0.875 <small>0.850 to 0.900</small>", "62.5 %", "<th>sefa0</th>", "0.125", "0.5204 bits", "21.50 dB"})
    EXPECT_TRUE(has(page, text)) << text;
  EXPECT_FALSE(has(page, "class=\"missing\""));
}

TEST_F(Report, OfARunThatHasJustBegunSaysHowToMakeTheRest) {
  write("recipe.toml", "");
  const std::string page = render();
  expect_sound(page);
  EXPECT_TRUE(has(page, "obverse eval " + run_));
  EXPECT_TRUE(has(page, "obverse invert " + run_));
  EXPECT_FALSE(has(page, "id=\"interpolations\""));
}

TEST_F(Report, OfAnUnfinishedRunSaysSo) {
  write("recipe.toml", "[train]\nkimg = 100.0\n");
  write_figures(30);
  EXPECT_TRUE(has(render(), "Not finished: 30 of 100 kimg."));
}

TEST_F(Report, LetsNothingHostileThrough) {
  const std::string attack = "</script><script>alert(1)</script><img src=x onerror=alert(1)> \\\" ' & \\u0000";
  write("recipe.toml", "name = '''" + attack + "'''\nabout = '''" + attack + "'''\n");
  write("stats.jsonl", "{\"" + attack + "/x\": {\"mean\": 1}, \"Loss/" + attack + "\": {\"mean\": 1}}\n");
  write("metric-x.jsonl", "{\"results\": {\"" + attack + "\": 1}, \"protocol\": \"" + attack + "\"}\n");
  write("findings.jsonl",
        "{\"severity\": \"" + attack + "\", \"cause\": \"" + attack + "\", \"what\": \"" + attack + "\"}\n");
  write("inversion/summary.json", "{\"method\": \"" + attack + "\", \"target\": \"" + attack + "\"}");
  write("log.txt", attack + " LibTorch \xFF\x1B[0m\n");
  const std::string page = render();
  expect_sound(page);
  EXPECT_FALSE(has(page, "alert(1)</script>"));
  EXPECT_FALSE(has(page, "<img src=x"));
}

TEST_F(Report, ShowsTheMeanOfSetsOfSamplesBesideTheirFloor) {
  write("recipe.toml", "");
  std::string lines;
  for (int seed = 0; seed < 3; ++seed)
    lines += "{\"metric\": \"fid5k\", \"results\": {\"fid5k\": " + std::to_string(10 + 2 * seed) +
             "}, \"floor\": {\"fid5k\": 0.75}, \"seed\": " + std::to_string(seed) + "}\n";
  write("metric-fid5k.jsonl", lines);
  const std::string page = render();
  EXPECT_TRUE(has(page, "<b>12</b>"));
  EXPECT_TRUE(has(page, "7.03 to 17"));  // 4.303 * 2 / sqrt(3) on either side
  EXPECT_TRUE(has(page, "0.75"));
}

TEST_F(Report, QuotesThePathOfTheRunForAShell) {
  RunRecord run;
  run.path = "runs/00001-plain";
  EXPECT_EQ(shell_path(run), "runs/00001-plain");
  run.path = "my runs/it's";
  EXPECT_EQ(shell_path(run), "&#39;my runs/it&#39;\\&#39;&#39;s&#39;");
}

TEST_F(Report, CountsWhatWasLeftOut) {
  write_whole_run();
  write("reals.png", "no picture");
  std::ofstream(run_ + "/stats.jsonl", std::ios::app) << "{\"cut";
  const WrittenReport report = write_report(run_);
  EXPECT_EQ(report.path, run_ + "/report.html");
  EXPECT_EQ(report.notes.size(), 2u);
  const std::string page = read_file(report.path);
  EXPECT_EQ(report.bytes, page.size());
  EXPECT_TRUE(has(page, "stats.jsonl: 1 of 41 lines is damaged and left out."));
}

TEST_F(Report, NamesTheFileThatCannotBeWritten) {
  write("recipe.toml", "");
  EXPECT_THAT([&] { write_report(run_, "/nowhere/report.html"); }, ThrowsMessage<UserError>(HasSubstr("/nowhere")));
}

TEST_F(Report, OfPointsShowsThePicturesWhole) {
  write("recipe.toml", "");
  write_grid("fakes000000.png", 5, 5);
  write_grid("fakes000010.png", 5, 5);
  write_safetensors(run_ + "/model.safetensors", {},
                    {{"domain", R"({"kind": "points", "shape": [2], "classes": []})"}});
  const std::string page = render();
  expect_sound(page);
  EXPECT_TRUE(has(page, "id=\"progress\""));
  EXPECT_FALSE(has(page, "<ol class=\"strips\""));
}

TEST_F(Report, ShowsGridsWholeWhenCellsDoNotFit) {
  write_whole_run();
  write_grid("inversion-encode/reconstructions.png", 3, 3);
  expect_sound(render());
  EXPECT_TRUE(has(render(), "class=\"triple\""));
}

TEST(CutCells, TakesPicturesOutOfAGridRowByRow) {
  const at::Tensor cells = at::arange(6, at::kByte).view({6, 1, 1, 1}).expand({6, 1, 2, 3}).contiguous();
  const at::Tensor grid = tile_images(cells, 3);  // 2 rows of 3 cells of 2 x 3 pixels
  const Picture picture{encode_png(grid), grid.size(2), grid.size(1)};
  const Cell cell{2, 3};
  EXPECT_TRUE(cell.divides(picture));
  EXPECT_FALSE((Cell{3, 3}.divides(picture)));
  EXPECT_FALSE((Cell{0, 3}.divides(picture)));
  EXPECT_EQ(cell.count(picture), 6);
  const at::Tensor cut = decode_image(cut_cells(picture, cell, 2, 2, 2).png, "cut");
  EXPECT_EQ(cut.size(2), 6);
  EXPECT_EQ(cut[0][0][0].item<int>(), 2);
  EXPECT_EQ(cut[0][1][5].item<int>(), 3);
}

TEST(Shrink, AveragesPixelsAndKeepsTheShape) {
  const at::Tensor image = at::tensor({0, 100, 50, 50, 200, 100, 50, 50}, at::kByte).view({1, 2, 4});
  const Picture small = shrink({encode_png(image), 4, 2}, 2);
  EXPECT_EQ(small.width, 2);
  EXPECT_EQ(small.height, 1);
  EXPECT_TRUE(decode_image(small.png, "small").equal(at::tensor({100, 50}, at::kByte).view({1, 1, 2})));
}

TEST(MetricWords, AreFoundByTheStartOrAPartOfAName) {
  EXPECT_EQ(metric_word("fid2k_full")->title, "Fréchet distance (FID)");
  EXPECT_EQ(metric_word("pr50k3_recall")->title, "Recall");
  EXPECT_EQ(metric_word("kid")->better, Better::lower);
  EXPECT_EQ(metric_word("duplicates")->title, "Near-duplicates");
  EXPECT_EQ(metric_word("narrowest std ratio")->title, "Narrowest mode");
  EXPECT_EQ(metric_word("isomap"), nullptr);
  EXPECT_EQ(metric_word(""), nullptr);
}

}  // namespace
}  // namespace obverse
