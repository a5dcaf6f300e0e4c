#include "obverse/data/columns.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/data/files_for_tests.h"
#include "tests/io/refused.h"
#include "tests/temporary_folder.h"

namespace obverse {
namespace {

using ::obverse::testing::put;
using ::obverse::testing::refusal;
using ::obverse::testing::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Tables : public ::testing::Test {
 protected:
  std::string file(const std::string& text, const std::string& name = "t.csv") {
    put(folder_.file(name), text);
    return folder_.file(name);
  }
  DataOptions options(const std::string& text) {
    DataOptions options;
    options.source = file(text);
    return options;
  }
  std::string only_problem(const std::string& text) {
    const Reading reading = read_table(options(text));
    EXPECT_EQ(reading.problems.size(), 1u);
    return reading.problems.empty() ? "" : reading.problems.front();
  }
  TemporaryFolder folder_;
};

TEST_F(Tables, AreCutIntoCellsAsRfc4180Says) {
  const TableText t = read_table_text(file("\xef\xbb\xbfname, \"a \"\"b\"\"\"\r\n\"x, y\nz\", 2\r\n\r\nw,\r\n"));
  EXPECT_THAT(t.names, ElementsAre("name", "\"a \"\"b\"\"\""));  // a quote counts at the beginning of a cell alone
  ASSERT_EQ(t.rows.size(), 2u);
  EXPECT_THAT(t.rows[0], ElementsAre("x, y\nz", "2"));
  EXPECT_THAT(t.rows[1], ElementsAre("w", ""));
  EXPECT_THAT(t.lines, ElementsAre(2, 5));
  EXPECT_THAT(read_table_text(file("\"a \"\"b\"\"\"\n1\n")).names, ElementsAre("a \"b\""));
}

TEST_F(Tables, BecomeNumbersThatAreStandardisedAndOneHot) {
  // age: 1, 3, missing: mean 2, standard deviation 1; colour: blue, red, red.
  const Reading r = read_table(options("age,colour,same\n1,red,7\n3,blue,7\n,red,7\n"));
  EXPECT_TRUE(r.problems.empty());
  EXPECT_THAT(r.notices, ElementsAre("column same is left out: it holds 7 alone"));
  ASSERT_EQ(r.data.domain.columns.size(), 2u);
  EXPECT_EQ(r.data.domain.text(), "rows of 2 columns, 4 numbers each");
  const at::Tensor wanted = at::tensor({-1.f, 0.f, 0.f, 1.f, 1.f, 0.f, 1.f, 0.f, 0.f, 1.f, 0.f, 1.f}).view({3, 4});
  EXPECT_TRUE(at::equal(r.data.samples, wanted)) << r.data.samples;
}

TEST_F(Tables, OfAnotherFileAreReadByTheColumnsOfTheFirst) {
  const Reading first = read_table(options("age,colour\n1,red\n3,blue\n"));
  const Reading second = read_table(options("other,colour,age\n5,green,4\n5,blue,\n"), first.data.domain.columns);
  const at::Tensor wanted = at::tensor({2.f, 0.f, 0.f, 0.f, 1.f, 0.f}).view({2, 3});
  EXPECT_TRUE(at::equal(second.data.samples, wanted)) << second.data.samples;
  EXPECT_THAT(second.notices,
              ElementsAre(HasSubstr("column age: 1 values are missing"),
                          HasSubstr("column colour: green is no category"), "column other is not used"));
  EXPECT_THAT(refusal([&] { read_table(options("age\n1\n"), first.data.domain.columns); }),
              HasSubstr("has no column colour"));
}

TEST_F(Tables, HaveLabelsInAColumnAndCategoriesThatLookLikeNumbers) {
  DataOptions o = options("kind,code,x\nok,1,0.5\nbad,2,1.5\nok,1,2.5\n");
  o.label = "kind";
  o.categorical = {"code"};
  o.drop = {"x"};
  const Reading r = read_table(o);
  EXPECT_THAT(r.data.domain.classes, ElementsAre("bad", "ok"));
  EXPECT_TRUE(at::equal(r.data.labels, at::tensor({1, 0, 1}, at::kLong)));
  EXPECT_TRUE(at::equal(r.data.samples, at::tensor({1.f, 0.f, 0.f, 1.f, 1.f, 0.f}).view({3, 2})));
  o.drop = {"y"};
  EXPECT_THAT(refusal([&] { read_table(o); }), HasSubstr("unknown column 'y'"));
}

TEST_F(Tables, AreRefusedByTheLine) {
  EXPECT_THAT(only_problem("a,b\n1,2\nx,3\n4,5\ny,6\n"),
              HasSubstr("line 3, column a: 'x' is no number, as in 1 more of its cells"));
  EXPECT_THAT(only_problem("a\n1\nnan\n2\n"), HasSubstr("line 3, column a: 'nan' is no number"));
  EXPECT_THAT(only_problem("a\n1\ninf\n2\n"), HasSubstr("'inf'"));
  std::string names = "a,b\n";
  for (int i = 0; i < 101; ++i) names += "n" + std::to_string(i) + "x," + std::to_string(i) + "\n";
  EXPECT_THAT(only_problem(names), HasSubstr("column a has 101 different texts"));
  EXPECT_THAT(refusal([&] { read_table(options("")); }), HasSubstr("is empty"));
  EXPECT_THAT(refusal([&] { read_table(options("a,b\n")); }), HasSubstr("no rows"));
  EXPECT_THAT(refusal([&] { read_table(options("a,a\n1,2\n")); }), HasSubstr("two columns are called a"));
  EXPECT_THAT(refusal([&] { read_table(options("a,b\n1,2\n3\n")); }), HasSubstr("line 3: 1 values, 2 columns"));
  EXPECT_THAT(refusal([&] { read_table(options("a,b\n1,\"2\n")); }), HasSubstr("line 2: a quote is not closed"));
  EXPECT_THAT(refusal([&] { read_table(options("a,b\n1,\"2\"3\n")); }), HasSubstr("line 2: text goes on after"));
  EXPECT_THAT(refusal([&] { read_table(options("a\n1\n1\n")); }), HasSubstr("no column is left"));
}

TEST_F(Tables, ComeBackFromTheirNumbers) {
  const std::string text = "age,\"a, b\",kind\n1,red,ok\n3,\"dark \"\"blue\"\"\",bad\n,red,ok\n";
  DataOptions o = options(text);
  o.label = "kind";
  const Dataset data = read_table(o).data;
  const auto& columns = data.domain.columns;
  EXPECT_EQ(table_text(data.samples, columns, data.labels, data.domain.classes, "kind"), text);
  const at::Tensor between = at::tensor({0.25f, 0.4f, 0.3f, 0.2f}).view({1, 4});  // no missing age; the first colour
  EXPECT_EQ(table_text(between, columns), "age,\"a, b\"\n2.25,\"dark \"\"blue\"\"\"\n");
}

TEST_F(Tables, AreDataSetsLikeOthers) {
  std::string text = "a,kind\n";
  for (int i = 0; i < 40; ++i) text += std::to_string(i) + (i % 4 ? ",ok\n" : ",bad\n");
  DataOptions o = options(text);
  o.label = "kind";
  EXPECT_EQ(load_dataset(o, "train").size(), 36);
  EXPECT_EQ(load_dataset(o, "test").size(), 4);
  EXPECT_EQ(load_dataset(o, "train").domain.kind, Domain::Kind::points);
}

// The scale of a column is that of the rows that are trained on, and theirs is that of the others too.
TEST_F(Tables, AreScaledByTheRowsThatAreTrainedOn) {
  std::string text = "a,kind\n";
  for (int i = 0; i < 40; ++i) text += (i % 4 ? std::to_string(i) + ",ok\n" : std::to_string(1000 * i) + ",bad\n");
  DataOptions o = options(text);
  o.label = "kind";
  o.classes = {1};
  o.held_out = 0.2;
  const Dataset train = load_dataset(o, "train");
  EXPECT_NEAR(train.samples.mean().item<double>(), 0, 1e-5);
  EXPECT_NEAR(train.samples.std(false).item<double>(), 1, 1e-5);
  const Dataset all = load_dataset_like(o, "all", train.domain.columns);
  const TableColumn& a = train.domain.columns.at(0);
  EXPECT_EQ(load_dataset(o, "held-out").domain.columns.at(0).mean, a.mean);
  const at::Tensor back = (all.samples * a.std + a.mean).flatten();
  EXPECT_GT(back.max().item<double>(), 35);
  EXPECT_LT(back.max().item<double>(), 40);  // numbers of the file again
}

TEST(Choice, OfClassesAndWhatIsHeldOut) {
  const TemporaryFolder folder;
  testing::put_small_mnist(folder.file("mnist"), 100, 30);
  DataOptions o;
  o.source = "mnist";
  o.path = folder.file("mnist");
  o.classes = {3, 5};
  o.held_out = 0.25;
  const Dataset train = load_dataset(o, "train"), apart = load_dataset(o, "held-out"), test = load_dataset(o, "test");
  EXPECT_EQ(train.size(), 15);  // 20 of the two classes
  EXPECT_EQ(apart.size(), 5);
  EXPECT_EQ(test.size(), 6);
  EXPECT_TRUE(((test.labels == 3) | (test.labels == 5)).all().item<bool>());
  const at::Tensor numbers =
      testing::numbers_in(at::cat({train.samples, apart.samples}));  // as they were, none in both
  EXPECT_TRUE((numbers.slice(0, 1) > numbers.slice(0, 0, 19)).all().item<bool>());
  EXPECT_EQ(train.domain.classes.size(), 10u);
  o.classes = {12};
  EXPECT_THAT(refusal([&] { load_dataset(o, "train"); }), HasSubstr("has classes 0 to 9"));
  o.classes.clear();
  o.held_out = 0;
  EXPECT_THAT(refusal([&] { load_dataset(o, "held-out"); }), HasSubstr("set data.held_out"));
}

}  // namespace
}  // namespace obverse
