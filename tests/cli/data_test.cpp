#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/data/files_for_tests.h"
#include "tests/program.h"
#include "tests/temporary_folder.h"

namespace obverse {
namespace {

using ::obverse::testing::Program;
using ::obverse::testing::TemporaryFolder;
using ::testing::HasSubstr;

TEST(DataCommand, InfoDescribesBothSplitsForPrograms) {
  const TemporaryFolder folder;
  testing::put_small_mnist(folder.file("mnist"));
  Program info({"data", "info", "mnist", "--path", folder.file("mnist"), "--json"}, folder.file("log"));
  ASSERT_EQ(info.wait(), 0) << info.err();
  const auto json = nlohmann::json::parse(info.out());
  EXPECT_EQ(json["splits"][0]["samples"], 60);
  EXPECT_EQ(json["splits"][1]["split"], "test");
  EXPECT_EQ(json["splits"][1]["classes"][3]["samples"], 3);
  EXPECT_EQ(json["splits"][0]["sha256"].get<std::string>().size(), 64u);
}

TEST(DataCommand, CheckEndsWithStatus2AndEveryProblemWhenTrainingWouldRefuse) {
  const TemporaryFolder folder;
  testing::put_class_folders(folder.file("pets"), 5);
  Program good({"data", "check", folder.file("pets")}, folder.file("log"));
  EXPECT_EQ(good.wait(), 0) << good.err();
  EXPECT_THAT(good.out(), HasSubstr("all: 10 samples, 1x4x4 images, 2 classes"));
  testing::put(folder.file("pets/cats/a.png"), "rubbish");
  testing::put(folder.file("pets/dogs/b.png"), "");
  Program bad({"data", "check", folder.file("pets"), "--json"}, folder.file("log"));
  EXPECT_EQ(bad.wait(), 2);
  EXPECT_THAT(bad.err(),
              HasSubstr("2 problems that training would refuse:\n  cats/a.png: neither PNG nor JPEG\n  dogs/b.png"));
  EXPECT_EQ(nlohmann::json::parse(bad.out())["problems"][0]["fatal"], true);
}

TEST(DataCommand, PrepareWritesAZipThatCanBeTrainedOn) {
  const TemporaryFolder folder;
  testing::put_class_folders(folder.file("pets"), 10);
  Program prepare({"data", "prepare", folder.file("pets"), folder.file("pets.zip"), "--size", "8"}, folder.file("log"));
  ASSERT_EQ(prepare.wait(), 0) << prepare.err();
  Program info({"data", "info", folder.file("pets.zip")}, folder.file("log"));
  EXPECT_EQ(info.wait(), 0);
  EXPECT_THAT(info.out(), HasSubstr("1x8x8 images, 2 classes"));
}

TEST(DataCommand, RefusesMistakesWithOneLine) {
  const TemporaryFolder folder;
  Program unknown({"data", "info", "fashion"}, folder.file("log"));
  EXPECT_EQ(unknown.wait(), 2);
  EXPECT_THAT(unknown.err(), HasSubstr("unknown data set 'fashion'"));
  Program nothing({"data", "check"}, folder.file("log"));
  EXPECT_EQ(nothing.wait(), 2);
  EXPECT_THAT(nothing.err(), HasSubstr("source is required"));
}

}  // namespace
}  // namespace obverse
