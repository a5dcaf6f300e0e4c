#include "obverse/report/comparison.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "obverse/core/error.h"
#include "well_formed.h"

namespace obverse {
namespace {

RunRecord run(const std::string& name, double value, double half, const std::string& lr = "0.1", int seed = 0) {
  RunRecord r;
  r.path = r.name = name;
  r.options = {{"name", "recipe"}, {"train.lr", lr}, {"train.seed", std::to_string(seed)}};
  Measurement m;
  m.metric = m.name = "fid10k_c";
  m.label = "fid";
  m.value = value;
  m.low = value - half;
  m.high = value + half;
  m.features = "c";
  m.n_real = 60000;
  m.n_fake = 10000;
  m.protocol = "all";
  m.higher_is_better = false;
  m.kimg = 20;
  r.measurements = {m};
  return r;
}

TEST(Comparison, TestsEachRunAgainstTheBest) {
  const auto metrics = compare_runs({run("a", 12, 1.96, "1"), run("b", 10, 1.96, "2"), run("c", 20, 1.96, "3")});
  ASSERT_EQ(metrics.size(), 1u);
  const auto& rows = metrics[0].rows;
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_TRUE(rows[1].best);
  // Errors of 1: z = 2 / sqrt(2) and 10 / sqrt(2); Holm multiplies the smaller p-value by 2.
  EXPECT_NEAR(rows[0].p_value, std::erfc(1.0), 1e-4);
  EXPECT_TRUE(rows[0].tied());
  EXPECT_NEAR(rows[2].p_value, 2 * std::erfc(5.0), 1e-13);
  EXPECT_FALSE(rows[2].tied());
  EXPECT_TRUE(metrics[0].unlike.empty());
}

TEST(Comparison, NamesFoldersOfOneNameByTheirPaths) {
  RunRecord a = run("00000-m", 9, 0.1, "1"), b = run("00000-m", 11, 0.1, "2"), c = run("00001-m", 12, 0.1, "3");
  a.path = "x/00000-m";
  b.path = "y/00000-m";
  const auto metrics = compare_runs({a, b, c});
  const auto& rows = metrics[0].rows;
  EXPECT_EQ(rows[0].name, "x/00000-m");
  EXPECT_EQ(rows[1].name, "y/00000-m");
  EXPECT_EQ(rows[2].name, "00001-m");
}

TEST(Comparison, TakesSeedsOfOneRecipeTogether) {
  const auto metrics = compare_runs(
      {run("a", 9, 0.1, "1", 0), run("b", 11, 0.1, "1", 1), run("c", 13, 0.1, "1", 2), run("d", 30, 0.1, "2", 0)});
  const auto& rows = metrics.at(0).rows;
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].name, "recipe (3 seeds)");
  EXPECT_DOUBLE_EQ(rows[0].value, 11);
  EXPECT_NEAR(rows[0].error, 2 / std::sqrt(3.0), 1e-12);
  EXPECT_NEAR(rows[0].high, 11 + 4.30265 * 2 / std::sqrt(3.0), 1e-4);  // Student, 2 degrees of freedom
  EXPECT_LT(rows[1].p_value, 0.01);
}

TEST(Comparison, KeepsUnlikeProvenanceInColumnsOfTheirOwn) {
  RunRecord other = run("b", 5, 1, "2");
  other.measurements[0].features_hash = "0123456789";
  const auto metrics = compare_runs({run("a", 12, 1, "1"), other});
  ASSERT_EQ(metrics.size(), 2u);
  EXPECT_TRUE(metrics[0].rows[0].best);
  EXPECT_EQ(metrics[0].unlike, "features: c");
  EXPECT_EQ(metrics[1].unlike, "features: c-01234567");
  RunRecord fewer = run("b", 5, 1, "2");
  fewer.measurements[0].n_real = 100;
  EXPECT_EQ(compare_runs({run("a", 12, 1, "1"), fewer}).size(), 2u);
}

TEST(Comparison, CountsOnlyTheLastMeasurementAndSaysWhenNothingCanBeTested) {
  RunRecord twice = run("a", 12, 1, "1");
  twice.measurements.push_back(twice.measurements[0]);
  twice.measurements[1].value = 8;
  twice.measurements[1].kimg = 40;
  RunRecord bare = run("b", 9, 1, "2");
  bare.measurements[0].low.reset();
  const auto rows = compare_runs({twice, bare}).at(0).rows;
  EXPECT_EQ(rows[0].value, 8);
  EXPECT_TRUE(rows[0].best);
  EXPECT_TRUE(std::isnan(rows[1].p_value));
}

TEST(Comparison, TakesIndependentSetsOfSamplesOfARunTogether) {
  const auto with_sets = [](const std::string& name, const std::vector<double>& values, const std::string& lr) {
    RunRecord r = run(name, 0, 0.1, lr);
    const Measurement one = r.measurements[0];
    r.measurements = {one};  // of an earlier snapshot
    r.measurements[0].kimg = 10;
    for (size_t seed = 0; seed < values.size(); ++seed) {
      r.measurements.push_back(one);
      r.measurements.back().value = values[seed];
      r.measurements.back().seed = static_cast<double>(seed);
    }
    return r;
  };
  RunRecord again = with_sets("a", {100, 11, 13}, "1");
  again.measurements.push_back(again.measurements[1]);  // seed 0 measured anew
  again.measurements.back().value = 9;
  const auto metrics = compare_runs({again, with_sets("b", {30, 31}, "2")});
  const auto& rows = metrics.at(0).rows;
  EXPECT_EQ(rows[0].name, "a (3 sets)");
  EXPECT_EQ(rows[0].sets, 3);
  EXPECT_DOUBLE_EQ(rows[0].value, 11);
  EXPECT_NEAR(rows[0].high, 11 + 4.30265 * 2 / std::sqrt(3.0), 1e-4);
  EXPECT_EQ(rows[1].name, "b");  // two sets are too few: the last one's own interval
  EXPECT_DOUBLE_EQ(rows[1].value, 31);
  EXPECT_DOUBLE_EQ(rows[1].high, 0.1);
}

TEST(Comparison, PageIsWellFormed) {
  const auto metrics = compare_runs({run("a<b", 12, 1, "1"), run("c&d", 10, 1, "2")});
  EXPECT_EQ(xml_problem(render_comparison(metrics)), "");
}

TEST(Comparison, RefusesFoldersWithoutRuns) {
  EXPECT_THROW(find_runs({"/proc/nowhere"}), UserError);
  const std::string empty = ::testing::TempDir() + "no-runs";
  std::filesystem::create_directories(empty);
  EXPECT_THROW(find_runs({empty}), UserError);
}

}  // namespace
}  // namespace obverse
