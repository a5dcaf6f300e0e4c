#include "obverse/data/sources.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "obverse/io/files.h"
#include "obverse/io/npz.h"
#include "obverse/io/zip.h"
#include "tests/data/files_for_tests.h"
#include "tests/io/refused.h"
#include "tests/temporary_folder.h"

namespace obverse {
namespace {

using ::obverse::testing::idx;
using ::obverse::testing::numbered;
using ::obverse::testing::numbers_in;
using ::obverse::testing::put_class_folders;
using ::obverse::testing::put_small_mnist;
using ::obverse::testing::refusal;
using ::obverse::testing::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

Dataset load(const std::string& path, const std::string& split = "train", int64_t size = 0, bool labels = true) {
  DataOptions options;
  options.source = path;
  options.size = size;
  options.labels = labels;
  return load_dataset(options, split);
}

std::string load_refusal(const std::string& path, int64_t size = 0) {
  return refusal([&] { load(path, "train", size); });
}

std::set<int64_t> numbers(const Dataset& data) {
  const at::Tensor found = numbers_in(data.samples);
  return {found.data_ptr<int64_t>(), found.data_ptr<int64_t>() + found.numel()};
}

// Train and test of numbered pictures share nothing and are 0 .. n - 1 together; the test split is a tenth.
void expect_split_apart(const std::string& path, size_t n) {
  std::set<int64_t> train = numbers(load(path)), test = numbers(load(path, "test"));
  EXPECT_EQ(test.size(), std::max<size_t>(1, n / 10));
  EXPECT_EQ(train.size(), n - test.size());
  train.insert(test.begin(), test.end());
  EXPECT_EQ(train.size(), n);
  EXPECT_EQ(*train.rbegin(), static_cast<int64_t>(n) - 1);
}

TEST(Folder, ClassFoldersAreLabelsInAlphabeticalOrder) {
  const TemporaryFolder folder;
  put_class_folders(folder.path(), 15);
  const Dataset data = load(folder.path());
  EXPECT_THAT(data.domain.classes, ElementsAre("cats", "dogs"));
  EXPECT_EQ(data.domain.text(), "1x4x4 images, 2 classes");
  EXPECT_TRUE(at::equal(data.labels, numbers_in(data.samples).ge(15).to(at::kLong)));
  expect_split_apart(folder.path(), 30);
}

TEST(Folder, FirstSamplesAreOfAllClasses) {
  const TemporaryFolder folder;
  put_class_folders(folder.path(), 50);
  const double share = load(folder.path()).labels.slice(0, 0, 20).to(at::kDouble).mean().item<double>();
  EXPECT_GT(share, 0.1);
  EXPECT_LT(share, 0.9);
}

TEST(Folder, PicturesAtTheTopOrInOneFolderHaveNoLabels) {
  const TemporaryFolder folder;
  for (int i = 0; i < 12; ++i) testing::put(folder.file("all/" + std::to_string(i) + ".PNG"), encode_png(numbered(i)));
  for (const std::string& path : {folder.path(), folder.file("all")}) {
    EXPECT_FALSE(load(path).labels.defined());
    expect_split_apart(path, 12);
  }
}

TEST(Folder, UsesItsOwnTrainAndTestFolders) {
  const TemporaryFolder folder;
  put_class_folders(folder.file("train"), 5);
  put_class_folders(folder.file("test"), 2, 100);
  std::filesystem::remove_all(folder.file("test/cats"));  // a class keeps its number when a split lacks another
  EXPECT_EQ(load(folder.path()).size(), 10);
  const Dataset test = load(folder.path(), "test");
  EXPECT_EQ(numbers(test), (std::set<int64_t>{102, 103}));
  EXPECT_THAT(test.domain.classes, ElementsAre("cats", "dogs"));
  EXPECT_TRUE(test.labels.eq(1).all().item<bool>());
}

TEST(Folder, FilesBesideItsFoldersDoNotHideThem) {
  const TemporaryFolder folder;
  for (const char* split : {"data/train", "data/test"}) put_class_folders(folder.file(split), 5);
  write_file(folder.file("README.md"), "not a picture");
  const Dataset train = load(folder.path()), test = load(folder.path(), "test");
  EXPECT_EQ(train.size(), test.size());
  EXPECT_TRUE(train.labels.defined());
}

TEST(Folder, ClassesHaveNamesThatCanBeWritten) {
  const TemporaryFolder folder;
  put_class_folders(folder.path(), 5);
  std::filesystem::create_directory(folder.file("\xff_a"));
  write_png(folder.file("\xff_a/0.png"), numbered(0));
  EXPECT_THAT(load_refusal(folder.path()), HasSubstr("not UTF-8"));
}

TEST(Folder, TestPicturesAreNotLearnedFromWhereTrainingPicturesAreMissing) {
  const TemporaryFolder folder;
  put_class_folders(folder.file("a/test"), 5);
  EXPECT_THAT(load_refusal(folder.file("a")), HasSubstr("put those to learn from into train/"));
  put_class_folders(folder.file("a/masks"), 5);
  EXPECT_THAT(load_refusal(folder.file("a")), HasSubstr("put those to learn from into train/"));
  EXPECT_EQ(load(folder.file("a/test")).size(), 9);  // named itself, it is a folder like any other
}

TEST(Folder, TakesCycleGansFoldersAsTwoClassesWithASplit) {
  const TemporaryFolder folder;
  int64_t next = 0;
  for (const auto& [name, n] :
       {std::pair("trainA", 4), std::pair("trainB", 3), std::pair("testA", 2), std::pair("testB", 1)})
    for (int64_t i = 0; i < n; ++i, ++next)
      testing::put(folder.file(std::string(name) + "/" + std::to_string(next) + ".png"), encode_png(numbered(next)));
  const Dataset train = load(folder.path()), test = load(folder.path(), "test");
  EXPECT_THAT(train.domain.classes, ElementsAre("A", "B"));
  EXPECT_EQ(numbers(train), (std::set<int64_t>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_TRUE(at::equal(train.labels, numbers_in(train.samples).ge(4).to(at::kLong)));
  EXPECT_EQ(numbers(test), (std::set<int64_t>{7, 8, 9}));
  EXPECT_TRUE(at::equal(test.labels, numbers_in(test.samples).ge(9).to(at::kLong)));
}

// Forty emoji in both styles, two tones of skin each; Google's are numbered from 100.
TEST(Emoji, AreSplitByCodePointSoThatNoPictureHasItsOtherStyleInTraining) {
  const TemporaryFolder folder;
  for (int64_t i = 0; i < 40; ++i)
    for (const char* tone : {"", "-1f3fb"}) {
      const std::string name = "1f" + std::to_string(600 + i) + tone + ".png";
      testing::put(folder.file("emoji-datasource-apple/img/apple/64/" + name), encode_png(numbered(i, 3)));
      testing::put(folder.file("emoji-datasource-google/img/google/64/" + name), encode_png(numbered(100 + i, 3)));
    }
  testing::put(folder.file("emoji-datasource-apple/img/apple/64/1f999.png"),
               encode_png(numbered(99, 3)));  // in one only
  const auto emoji = [&](const char* source, const char* split) {
    DataOptions options;
    options.source = source;
    options.path = folder.path();
    return load_dataset(options, split);
  };
  const Dataset train = emoji("emoji", "train"), test = emoji("emoji", "test");
  EXPECT_THAT(train.domain.classes, ElementsAre("apple", "google"));
  EXPECT_EQ(train.size(), 72);  // 36 emoji, each in one style, both tones together
  EXPECT_EQ(test.size(), 16);   // 4 emoji, two tones, two styles
  std::set<int64_t> seen;
  for (const int64_t k : numbers(train)) EXPECT_TRUE(seen.insert(k % 100).second) << k;
  EXPECT_TRUE(at::equal(train.labels, numbers_in(train.samples).ge(100).to(at::kLong)));
  const at::Tensor found = numbers_in(test.samples).view({8, 2});
  EXPECT_TRUE(at::equal(found.select(1, 0) + 100, found.select(1, 1)));  // pairs side by side
  for (const int64_t k : numbers(test)) EXPECT_EQ(seen.count(k % 100), 0u);
  EXPECT_EQ(emoji("emoji-google", "train").size(), 72);
  EXPECT_FALSE(emoji("emoji-google", "train").labels.defined());
  EXPECT_EQ(numbers(emoji("emoji-apple", "test")).size(), 4u);
}

TEST(Folder, FollowsLinksToClassFoldersAndSkipsHiddenFiles) {
  const TemporaryFolder folder;
  put_class_folders(folder.file("store"), 3);
  std::filesystem::create_directories(folder.file("data"));
  for (const char* name : {"cats", "dogs"})
    std::filesystem::create_directory_symlink(folder.file("store/") + name, folder.file("data/") + name);
  testing::put(folder.file("data/.cache/x.png"), "not a picture");
  EXPECT_EQ(load(folder.file("data")).size() + load(folder.file("data"), "test").size(), 6);
}

TEST(Folder, ListsEveryProblemAtOnce) {
  const TemporaryFolder folder;
  put_class_folders(folder.path(), 5, 0, 3);
  testing::put(folder.file("cats/broken.png"), encode_png(numbered(1, 3)).substr(0, 50));
  testing::put(folder.file("cats/grey.png"), encode_png(numbered(1, 1)));
  testing::put(folder.file("dogs/large.png"), encode_png(numbered(1, 3, 8)));
  testing::put(folder.file("dogs/text.jpg"), "this is a text");
  testing::put(folder.file("loose.png"), encode_png(numbered(1, 3)));
  const std::string said = load_refusal(folder.path());
  EXPECT_THAT(said, HasSubstr(folder.path() + ": 5 problems\n"));
  EXPECT_THAT(said, HasSubstr("\n  cats/broken.png: unreadable PNG: the file is cut short"));
  EXPECT_THAT(said, HasSubstr("\n  cats/grey.png: 4x4 grey, most are 4x4 colour: set data.size"));
  EXPECT_THAT(said, HasSubstr("\n  dogs/large.png: 8x8 colour, most are 4x4 colour"));
  EXPECT_THAT(said, HasSubstr("\n  dogs/text.jpg: neither PNG nor JPEG"));
  EXPECT_THAT(said, HasSubstr("\n  loose.png: lies beside the class folders"));
}

TEST(Folder, ListsTwentyProblemsAndCountsTheRest) {
  const TemporaryFolder folder;
  for (int i = 0; i < 25; ++i) testing::put(folder.file(std::to_string(i) + ".png"), "");
  const std::string said = load_refusal(folder.path());
  EXPECT_THAT(said, HasSubstr(": 25 problems\n"));
  EXPECT_THAT(said, HasSubstr("\n  ... and 5 more"));
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 21);
}

TEST(Folder, BringsMixedSizesAndColoursTogetherWhenASizeIsGiven) {
  const TemporaryFolder folder;
  testing::put(folder.file("a.png"), encode_png(numbered(1, 1, 4)));
  testing::put(folder.file("b.png"), encode_png(at::full({3, 9, 7}, 40, at::kByte)));
  testing::put(folder.file("c.png"), encode_png(at::full({1, 5, 12}, 80, at::kByte)));
  const Dataset train = load(folder.path(), "train", 6), test = load(folder.path(), "test", 6);
  EXPECT_EQ(train.domain.shape, (std::vector<int64_t>{3, 6, 6}));
  EXPECT_EQ(train.size() + test.size(), 3);
}

TEST(Folder, SaysWhenThereIsNothing) {
  const TemporaryFolder folder;
  EXPECT_EQ(load_refusal(folder.path()), folder.path() + ": no PNG or JPEG files");
  testing::put(folder.file("one.png"), encode_png(numbered(1)));
  EXPECT_THAT(load_refusal(folder.path()), HasSubstr("1 sample: at least 2"));
  EXPECT_THAT(load_refusal(folder.file("one.png")), HasSubstr("one picture: give the folder"));
  testing::put(folder.file("note.txt"), "hello");
  EXPECT_THAT(load_refusal(folder.file("note.txt")), HasSubstr("not data that can be read"));
}

TEST(Folder, ReadsMnistsFiles) {
  const TemporaryFolder folder;
  put_small_mnist(folder.path());
  EXPECT_EQ(load(folder.path()).size(), 60);
  EXPECT_EQ(load(folder.path(), "test").size(), 30);
  EXPECT_TRUE(load(folder.path()).labels.defined());
}

std::vector<std::pair<std::string, std::string>> style_gan(int n, const std::string& json) {
  std::vector<std::pair<std::string, std::string>> members;
  for (int i = 0; i < n; ++i) members.emplace_back(fmt::format("00000/img{:08}.png", i), encode_png(numbered(i)));
  members.emplace_back("dataset.json", json);
  return members;
}

TEST(Zip, TakesLabelsFromDatasetJson) {
  const TemporaryFolder folder;
  const std::string zip = folder.file("a.zip"),
                    labels = R"(["00000/img00000001.png", 2], ["00000/img00000000.png", 0])";
  write_zip(zip, style_gan(2, R"({"labels": [)" + labels + "]}"));
  const Dataset train = load(zip), test = load(zip, "test");
  EXPECT_EQ(train.domain.classes.size(), 3u);
  const at::Tensor number = numbers_in(at::cat({train.samples, test.samples}));
  EXPECT_TRUE(at::equal(at::cat({train.labels, test.labels}), number * 2));
  write_zip(zip, style_gan(2, R"({"labels": null})"));
  EXPECT_FALSE(load(zip).labels.defined());
  write_zip(zip, style_gan(2, R"({"labels": {"00000/img00000001.png": 1, "00000/img00000000.png": 0}})"));
  EXPECT_TRUE(load(zip).labels.defined());
  write_zip(zip, style_gan(30, "{}"));
  expect_split_apart(zip, 30);
}

TEST(Zip, SaysWhatIsWrongWithItsLabels) {
  const TemporaryFolder folder;
  const std::string zip = folder.file("a.zip");
  const auto said = [&](const std::string& json) {
    write_zip(zip, style_gan(2, json));
    return load_refusal(zip);
  };
  EXPECT_THAT(said("{\"labels\": ["), HasSubstr("dataset.json: not valid JSON"));
  EXPECT_THAT(said("[]"), HasSubstr("dataset.json: not valid JSON"));
  EXPECT_THAT(said(R"({"labels": 5})"), HasSubstr("must be a list"));
  EXPECT_THAT(said(R"({"labels": [["00000/img00000000.png"]]})"), HasSubstr("not [file name, number]"));
  EXPECT_THAT(said(R"({"labels": [["00000/img00000000.png", 0.5]]})"), HasSubstr("not a whole number"));
  EXPECT_THAT(said(R"({"labels": [["00000/img00000000.png", -1]]})"), HasSubstr("labels count from 0"));
  EXPECT_THAT(said(R"({"labels": [["00000/img00000000.png", 18446744073709551615]]})"),
              HasSubstr("labels count from 0"));
  EXPECT_THAT(said(R"({"labels": [["00000/img00000000.png", 1]]})"),
              HasSubstr("00000/img00000001.png: no label in dataset.json"));
  EXPECT_FALSE(load(zip, "train", 0, /*labels=*/false).labels.defined());
}

TEST(Zip, MayHaveClassFoldersInsideAFolder) {
  const TemporaryFolder folder;
  std::vector<std::pair<std::string, std::string>> members = {{"__MACOSX/pets/._0.png", "rubbish"}};
  for (int i = 0; i < 10; ++i)
    members.emplace_back(std::string("pets/") + (i % 2 ? "dogs/" : "cats/") + std::to_string(i) + ".png",
                         encode_png(numbered(i)));
  write_zip(folder.file("pets.zip"), members);
  const Dataset data = load(folder.file("pets.zip"));
  EXPECT_THAT(data.domain.classes, ElementsAre("cats", "dogs"));
  EXPECT_TRUE(at::equal(data.labels, numbers_in(data.samples).remainder(2)));
}

TEST(Zip, NamesItsDamagedMember) {
  const TemporaryFolder folder;
  auto members = style_gan(3, "{}");
  members[1].second.resize(60);
  write_zip(folder.file("a.zip"), members);
  EXPECT_THAT(load_refusal(folder.file("a.zip")), HasSubstr("00000/img00000001.png: unreadable PNG"));
}

at::Tensor numbered_stack(int64_t n, int64_t channels = 1) {
  std::vector<at::Tensor> images;
  for (int64_t i = 0; i < n; ++i) images.push_back(numbered(i, channels));
  return at::stack(images);
}

TEST(Arrays, AreReadInAnyOrderOfAxes) {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.npz");
  const at::Tensor colour = numbered_stack(20, 3);
  for (const at::Tensor& x :
       {colour, colour.permute({0, 2, 3, 1}), numbered_stack(20), numbered_stack(20).squeeze(1)}) {
    write_npz(path, {{"arr_0", x}});
    expect_split_apart(path, 20);
  }
  write_npz(path, {{"x", colour}, {"y", at::arange(20).remainder(4)}});
  const Dataset data = load(path);
  EXPECT_EQ(data.domain.text(), "3x4x4 images, 4 classes");
  EXPECT_TRUE(at::equal(data.labels, numbers_in(data.samples).remainder(4)));
}

TEST(Arrays, OfOblongImagesAreCutIntoSamplesOfTheirOwn) {
  const TemporaryFolder folder;
  write_npz(folder.file("a.npz"),
            {{"x", at::arange(4 * 8 * 12, at::kLong).remainder(251).to(at::kByte).view({4, 1, 8, 12})}});
  DataOptions options;
  options.source = folder.file("a.npz");
  options.size = 8;
  EXPECT_TRUE(read_path(options, "train").data.samples.is_contiguous());
}

TEST(Arrays, MayHaveATestSplitOfTheirOwn) {
  const TemporaryFolder folder;
  const at::Tensor x = numbered_stack(20).squeeze(1), y = at::arange(20).remainder(2).to(at::kByte);
  write_npz(folder.file("a.npz"), {{"x_train", x.slice(0, 0, 15)},
                                   {"y_train", y.slice(0, 0, 15)},
                                   {"x_test", x.slice(0, 15)},
                                   {"y_test", y.slice(0, 15)}});
  EXPECT_EQ(load(folder.file("a.npz")).size(), 15);
  EXPECT_EQ(numbers(load(folder.file("a.npz"), "test")), (std::set<int64_t>{15, 16, 17, 18, 19}));
}

TEST(Arrays, PutTransparencyOnWhite) {
  const TemporaryFolder folder;
  const at::Tensor rgba =
      at::tensor({10, 20, 30, 0, 10, 20, 30, 255}, at::kByte).view({2, 1, 1, 4}).repeat({5, 8, 8, 1});
  write_npz(folder.file("a.npz"), {{"images", rgba}});
  const Dataset data = load(folder.file("a.npz"));
  EXPECT_EQ(data.domain.shape, (std::vector<int64_t>{3, 8, 8}));
  const auto red = data.samples.select(1, 0);
  EXPECT_TRUE(red.eq(255).logical_or(red.eq(10)).all().item<bool>());
}

TEST(Arrays, OfFloatsArePoints) {
  const TemporaryFolder folder;
  write_npz(folder.file("a.npz"), {{"x", at::randn({50, 3}, at::kDouble)}});
  EXPECT_EQ(load(folder.file("a.npz")).domain.text(), "points in 3 dimensions");
  EXPECT_EQ(load(folder.file("a.npz"), "test").size(), 5);
}

TEST(Arrays, SayWhatIsWrong) {
  const TemporaryFolder folder;
  const auto said = [&](const NamedTensors& arrays) {
    write_npz(folder.file("a.npz"), arrays);
    return load_refusal(folder.file("a.npz"));
  };
  const at::Tensor x = numbered_stack(4);
  EXPECT_THAT(said({{"pictures", x}}), HasSubstr("holds pictures; the samples must be called x, images or arr_0"));
  EXPECT_THAT(said({{"x", x}, {"y", at::zeros({3}, at::kLong)}}), HasSubstr("3 labels for 4 samples"));
  EXPECT_THAT(said({{"x", x}, {"y", at::zeros({4}, at::kFloat)}}), HasSubstr("one whole number a sample"));
  EXPECT_THAT(said({{"x", x}, {"y", at::full({4}, -1, at::kLong)}}), HasSubstr("must count from 0"));
  EXPECT_THAT(said({{"x", at::zeros({4, 2, 5, 5}, at::kByte)}}), HasSubstr("no axis has 1, 3 or 4 channels"));
  EXPECT_THAT(said({{"x", at::zeros({4, 5}, at::kByte)}}), HasSubstr("bytes of 2 dimensions"));
  EXPECT_THAT(said({{"x", at::zeros({4, 1, 5, 5})}}), HasSubstr("images are uint8"));
  EXPECT_THAT(said({{"x", at::full({4, 2}, NAN)}}), HasSubstr("not finite"));
  EXPECT_THAT(said({{"x", at::zeros({0, 2})}}), HasSubstr("no samples"));
  testing::put(folder.file("a.npz"), "PK this is not a zip");
  EXPECT_THAT(load_refusal(folder.file("a.npz")), HasSubstr(folder.file("a.npz")));
}

TEST(IdxFile, TakesTheLabelsBesideIt) {
  const TemporaryFolder folder;
  testing::put(folder.file("my-images.idx3-ubyte"), idx(numbered_stack(20).squeeze(1)));
  EXPECT_FALSE(load(folder.file("my-images.idx3-ubyte")).labels.defined());
  testing::put(folder.file("my-labels.idx1-ubyte"), idx(at::arange(20).remainder(3).to(at::kByte)));
  const Dataset data = load(folder.file("my-images.idx3-ubyte"));
  EXPECT_TRUE(at::equal(data.labels, numbers_in(data.samples).remainder(3)));
  expect_split_apart(folder.file("my-images.idx3-ubyte"), 20);
}

}  // namespace
}  // namespace obverse
