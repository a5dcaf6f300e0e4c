#include "obverse/recipe/toml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "obverse/core/error.h"
#include "obverse/recipe/optimiser_options.h"

namespace obverse {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Small : Options {
  int64_t width = 64;
  void describe(Fields& f) override { f("width", width, "channels", {1, 100}); }
};
struct Large : Options {
  double scale = 1;
  std::vector<int64_t> channels = {1, 2};
  void describe(Fields& f) override {
    f("scale", scale, "of it", kPositive);
    f("channels", channels, "of each stage", {1, 9});
  }
};
struct Row {
  std::string name;
  std::shared_ptr<Options> (*options)();
};
const std::vector<Row> kRows = {{"small", [] { return std::shared_ptr<Options>(std::make_shared<Small>()); }},
                                {"large", [] { return std::shared_ptr<Options>(std::make_shared<Large>()); }}};

struct Everything : Options {
  std::string name = "x";
  bool flag = false;
  std::vector<std::string> metrics;
  OptimiserOptions optimiser;
  Choice<Row> network{kRows, "small"};
  void describe(Fields& f) override {
    f("name", name, "of it");
    f("flag", flag, "a switch");
    f("metrics", metrics, "some");
    f.table("network", network);
    f.table("network", [&] { f.table("optimiser", optimiser); });
  }
};

std::string problems_of(const std::string& text, const std::vector<std::string>& overrides = {}) {
  Everything options;
  try {
    read_options({text, "r.toml", overrides}, options);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Toml, ReadsEveryKindOfValue) {
  Everything o;
  read_options({"name = \"n\"\nflag = true\nmetrics = [\"fid\", \"kid\"]\n[network]\nkind = \"large\"\nscale = "
                "2\nchannels = [3, 4]\n"
                "optimiser = { lr = { from = 1e-3, to = 0, shape = \"linear\" }, beta1 = 0 }\n",
                "r.toml",
                {}},
               o);
  EXPECT_EQ(o.name, "n");
  EXPECT_TRUE(o.flag);
  EXPECT_THAT(o.metrics, ElementsAre("fid", "kid"));
  const auto& large = dynamic_cast<Large&>(*o.network.options);
  EXPECT_EQ(large.scale, 2);
  EXPECT_THAT(large.channels, ElementsAre(3, 4));
  EXPECT_EQ(o.optimiser.lr, Schedule(1e-3, 0, 1, "linear"));
  EXPECT_EQ(o.optimiser.beta1, 0);
}

TEST(Toml, TellsEveryProblemAtOnceWithItsLineAndTheNearestKey) {
  const std::string problems = problems_of(
      "nmae = \"n\"\nflag = 1\n[network]\nkind = \"small\"\nwidth = 200\n[network.optimiser]\nbeta1 = \"a\"\n");
  EXPECT_THAT(problems, HasSubstr("r.toml:1: unknown key 'nmae': did you mean 'name'?"));
  EXPECT_THAT(problems, HasSubstr("r.toml:2: flag: must be true or false"));
  EXPECT_THAT(problems, HasSubstr("r.toml:5: network.width: 200 is out of range: must be between 1 and 100"));
  EXPECT_THAT(problems, HasSubstr("r.toml:7: network.optimiser.beta1: must be a finite number"));
}

TEST(Toml, AnUnknownKindIsAnsweredWithTheKnownOnes) {
  EXPECT_THAT(problems_of("[network]\nkind = \"lrage\"\n"),
              HasSubstr("r.toml:2: network.kind: unknown value 'lrage': did you mean 'large'? (known: small, large)"));
}

TEST(Toml, OverridesNameThemselvesInProblemsAndMakeMissingTables) {
  EXPECT_EQ(problems_of("", {"network.optimiser.beta1=0.9"}), "");
  EXPECT_THAT(problems_of("", {"network.width=0"}),
              HasSubstr("--set network.width=0: network.width: 0 is out of range"));
  EXPECT_THAT(problems_of("", {"network.widht=3"}),
              HasSubstr("--set network.widht=3: unknown key 'network.widht': did you mean 'network.width'?"));
  EXPECT_THAT(problems_of("", {"novalue"}), HasSubstr("write it as key=value"));
  Everything o;
  read_options({"", "r.toml", {"name=plain words", "network.optimiser.lr={from=1, to=2}"}}, o);
  EXPECT_EQ(o.name, "plain words");
  EXPECT_EQ(o.optimiser.lr, Schedule(1, 2));
}

TEST(Toml, SyntaxErrorsAndHalfSchedulesNameTheirLine) {
  EXPECT_THAT(problems_of("name = \n"), HasSubstr("r.toml:1: "));
  EXPECT_THAT(problems_of("[network.optimiser]\nlr = { from = 1.0 }\n"),
              HasSubstr("r.toml:2: network.optimiser.lr: a schedule needs both"));
  EXPECT_THAT(problems_of("[network.optimiser]\nlr = { from = 1.0, to = 0, shape = 'geometric' }\n"),
              HasSubstr("r.toml:2: network.optimiser.lr: a geometric schedule needs `from` and `to` above 0"));
  EXPECT_THAT(problems_of("[network.optimiser]\nlr = nan\n"), HasSubstr("must be a finite number"));
  EXPECT_THAT(problems_of("[network.optimiser]\nlr = inf\n"), HasSubstr("must be a finite number"));
}

TEST(Toml, WhatIsWrittenReadsBackTheSame) {
  Everything o;
  o.name = "quo\"te\\ and\ttab";
  o.metrics = {"a"};
  o.optimiser.lr = Schedule(0.1, 1e-7, 0.3, "linear");
  o.optimiser.eps = 1e-12;
  Everything again;
  read_options({write_options(o), "again", {}}, again);
  EXPECT_THAT(differing_options(o, again), ElementsAre());
  again.flag = true;
  EXPECT_THAT(differing_options(o, again), ElementsAre("flag: false here, true there"));
}

TEST(Schedule, FollowsItsShapeByHand) {
  const Schedule cosine(1, 0), linear(1, 0, 0.5, "linear");
  EXPECT_DOUBLE_EQ(cosine.at(0), 1);
  EXPECT_NEAR(cosine.at(0.5), 0.5, 1e-15);
  EXPECT_NEAR(cosine.at(0.25), 0.5 * (1 + std::cos(M_PI / 4)), 1e-15);
  EXPECT_DOUBLE_EQ(linear.at(0.25), 0.5);
  EXPECT_DOUBLE_EQ(linear.at(0.9), 0);
  const Schedule geometric(100, 1, 0.5, "geometric");
  EXPECT_NEAR(geometric.at(0.25), 10, 1e-12);
  EXPECT_NEAR(geometric.at(0.9), 1, 1e-12);
  const Schedule tripling(1, 1e-7, 1, "tripling");  // 1 for 1 part of 3280, 0.1 for 3, 0.01 for 9, ..., 1e-7 for 2187
  EXPECT_NEAR(tripling.at(0.5 / 3280), 1, 1e-12);
  EXPECT_NEAR(tripling.at(3.9 / 3280), 0.1, 1e-12);
  EXPECT_NEAR(tripling.at(4.1 / 3280), 0.01, 1e-12);
  EXPECT_NEAR(tripling.at(1092.0 / 3280), 1e-6, 1e-17);
  EXPECT_NEAR(tripling.at(1), 1e-7, 1e-17);
}

}  // namespace
}  // namespace obverse
