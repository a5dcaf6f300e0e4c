#include "obverse/data/check.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "obverse/io/npz.h"
#include "obverse/io/zip.h"
#include "tests/data/files_for_tests.h"
#include "tests/io/refused.h"
#include "tests/temporary_folder.h"

namespace obverse {
namespace {

using ::obverse::testing::numbered;
using ::obverse::testing::put_class_folders;
using ::obverse::testing::put_small_mnist;
using ::obverse::testing::TemporaryFolder;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

DataReport check(const std::string& source, const std::string& path = "") {
  DataOptions options;
  options.source = source;
  options.path = path;
  return check_data(options);
}

std::vector<std::string> lines(const DataReport& report, bool fatal) {
  std::vector<std::string> found;
  for (const DataReport::Problem& problem : report.problems)
    if (problem.fatal == fatal) found.push_back(problem.what);
  return found;
}

TEST(CheckData, FindsEverythingAtOnceTheGravestFirst) {
  const TemporaryFolder folder;
  put_class_folders(folder.file("train"), 12, 0, 3);
  put_class_folders(folder.file("test"), 2, 100, 3);
  const auto put = [&](const std::string& name, const std::string& bytes) { testing::put(folder.file(name), bytes); };
  put("train/cats/broken.png", "\x89PNG and then nothing");
  put("train/cats/large.png", encode_png(numbered(1, 3, 8)));
  put("train/cats/grey.png", encode_png(numbered(2, 1)));
  put("train/cats/twin.png", encode_png(numbered(3, 3)));
  put("train/dogs/flat.png", encode_png(at::full({3, 4, 4}, 7, at::kByte)));
  put("train/dogs/note.txt", "hello");
  put("train/loose.png", encode_png(numbered(99, 3)));
  put("test/dogs/leaked.png", encode_png(numbered(5, 3)));
  const DataReport report = check(folder.path());
  EXPECT_EQ(lines(report, true).size(), 4u);
  EXPECT_THAT(lines(report, true), Contains(StartsWith("train/cats/broken.png: unreadable PNG")));
  EXPECT_THAT(lines(report, true), Contains(StartsWith("train/cats/large.png: 8x8 colour, most are 4x4 colour")));
  EXPECT_THAT(lines(report, true), Contains(StartsWith("train/cats/grey.png: 4x4 grey")));
  EXPECT_THAT(lines(report, true), Contains(StartsWith("train/loose.png: lies beside the class folders")));
  EXPECT_THAT(lines(report, false), Contains("train: 1 exact duplicate: train/cats/twin.png = train/cats/3.png"));
  EXPECT_THAT(lines(report, false), Contains("train: 1 image of one value all over: train/dogs/flat.png"));
  EXPECT_THAT(lines(report, false), Contains("1 files '*.txt' are neither PNG nor JPEG: left out"));
  EXPECT_THAT(
      lines(report, false),
      Contains("1 sample of the test split also in the training split: test/dogs/leaked.png = train/cats/5.png"));
  EXPECT_THAT(lines(report, false), Contains(HasSubstr("samples are few")));
  EXPECT_TRUE(report.problems.front().fatal);
  EXPECT_FALSE(report.problems.back().fatal);
  EXPECT_THAT(report.facts, Contains("train: 27 samples, 3x4x4 images, 2 classes"));
}

TEST(CheckData, ReportsClassesThatAreUnbalancedOrEmpty) {
  const TemporaryFolder folder;
  const auto report = [&](const at::Tensor& labels) {
    std::vector<at::Tensor> images;
    for (int64_t i = 0; i < labels.size(0); ++i) images.push_back(numbered(i));
    write_npz(folder.file("a.npz"), {{"x", at::stack(images)}, {"y", labels}});
    return check(folder.file("a.npz"));
  };
  EXPECT_THAT(lines(report(at::arange(44).ge(40).to(at::kLong)), false), Not(Contains(HasSubstr("unbalanced"))));
  EXPECT_THAT(lines(report(at::arange(44).ge(41).to(at::kLong)), false),
              Contains("all: classes are unbalanced, 3 to 41 samples"));
  EXPECT_THAT(lines(report(at::arange(44).ge(40).to(at::kLong) * 2), false),
              Contains("all: 1 class without samples: 1"));
}

TEST(CheckData, HasNothingToSayAboutGoodData) {
  const DataReport report = check("ring");
  EXPECT_TRUE(report.problems.empty());
  EXPECT_THAT(report.facts, Contains("train: 100000 samples, points in 2 dimensions"));
}

TEST(CheckData, ReportsWhatCannotBeReadAtAll) {
  const TemporaryFolder folder;
  EXPECT_THAT(lines(check("mnist", folder.path()), true), Contains(HasSubstr("no train-images-idx3-ubyte")));
  put_small_mnist(folder.path());
  testing::put(folder.file("t10k-images-idx3-ubyte"), "rubbish");
  const DataReport report = check("mnist", folder.path());
  EXPECT_THAT(lines(report, true), Contains(HasSubstr("t10k-images-idx3-ubyte: not an IDX file")));
  EXPECT_THAT(report.facts, Contains(StartsWith("train: 60 samples")));
  for (int i = 0; i < 3; ++i) testing::put(folder.file("bad/" + std::to_string(i) + ".png"), "rubbish");
  EXPECT_EQ(lines(check(folder.file("bad")), true).size(), 3u);
}

TEST(CheckData, RefusesATestSplitOfAnotherShape) {
  const TemporaryFolder folder;
  write_npz(folder.file("a.npz"),
            {{"x_train", at::zeros({4, 8, 8}, at::kByte)}, {"x_test", at::zeros({4, 8, 9}, at::kByte)}});
  EXPECT_THAT(lines(check(folder.file("a.npz")), true),
              Contains("train is 1x8x8 images, test is 1x8x9 images: bring both to one shape"));
}

TEST(PrepareData, WritesAZipThatStyleGanReads) {
  const TemporaryFolder folder;
  put_small_mnist(folder.file("mnist"));
  DataOptions options;
  options.source = "mnist";
  options.path = folder.file("mnist");
  prepare_data(options, "train", folder.file("out.zip"));
  const ZipReader zip(folder.file("out.zip"));
  ASSERT_EQ(zip.names().size(), 61u);
  EXPECT_EQ(zip.names()[12], "00000/img00000012.png");
  EXPECT_TRUE(at::equal(decode_image(zip.read("00000/img00000012.png"), ""), numbered(12)));
  const auto json = nlohmann::json::parse(zip.read("dataset.json"));
  EXPECT_EQ(json["labels"].size(), 60u);
  EXPECT_EQ(json["labels"][12], (nlohmann::json{"00000/img00000012.png", 2}));
}

TEST(PrepareData, GivesBackTheSameSamplesWhenLoadedAgain) {
  const TemporaryFolder folder;
  put_class_folders(folder.file("pets"), 10, 0, 3);
  DataOptions options;
  options.source = folder.file("pets");
  prepare_data(options, "train", folder.file("out.zip"));
  const Dataset before = load_dataset(options, "train");
  options.source = folder.file("out.zip");
  const Dataset train = load_dataset(options, "train"), test = load_dataset(options, "test");
  EXPECT_EQ(train.domain.classes, before.domain.classes);
  const at::Tensor numbers = testing::numbers_in(at::cat({train.samples, test.samples}));
  EXPECT_TRUE(at::equal(std::get<0>(numbers.sort()), std::get<0>(testing::numbers_in(before.samples).sort())));
  EXPECT_TRUE(at::equal(at::cat({train.labels, test.labels}), numbers.ge(10).to(at::kLong)));
}

TEST(PrepareData, WritesNoLabelsWhereThereAreNoneAndRefusesPoints) {
  const TemporaryFolder folder;
  put_small_mnist(folder.file("mnist"));
  DataOptions options;
  options.source = "mnist";
  options.path = folder.file("mnist");
  options.labels = false;
  options.size = 8;
  prepare_data(options, "test", folder.file("out.zip"));
  EXPECT_TRUE(nlohmann::json::parse(ZipReader(folder.file("out.zip")).read("dataset.json"))["labels"].is_null());
  options.source = "ring";
  options.size = 0;
  EXPECT_THAT(testing::refusal([&] { prepare_data(options, "train", folder.file("out.zip")); }),
              HasSubstr("points cannot be written"));
}

}  // namespace
}  // namespace obverse
