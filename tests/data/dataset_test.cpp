#include "obverse/data/dataset.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <chrono>
#include <cstdlib>

#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "tests/data/files_for_tests.h"
#include "tests/io/refused.h"
#include "tests/temporary_folder.h"

namespace obverse {
namespace {

using ::obverse::testing::idx;
using ::obverse::testing::numbers_in;
using ::obverse::testing::put_small_mnist;
using ::obverse::testing::refusal;
using ::obverse::testing::TemporaryFolder;
using ::testing::HasSubstr;

DataOptions named(const std::string& source, const std::string& path = "") {
  DataOptions options;
  options.source = source;
  options.path = path;
  return options;
}

Dataset small_images() {
  Dataset data;
  data.name = "small";
  data.split = "train";
  data.domain = {Domain::Kind::image, {1, 2, 2}, 256, {"a", "b"}};
  data.samples = at::tensor({0, 255, 51, 204, 1, 2, 3, 4, 9, 9, 9, 9}, at::kByte).view({3, 1, 2, 2});
  data.labels = at::tensor({0, 1, 0}, at::kLong);
  return data;
}

TEST(Dataset, MapsBytesToMinusOneToOne) {
  const Batch batch = small_images().get(at::tensor({0, 2, 0}, at::kLong));
  EXPECT_EQ(batch.x.sizes(), (at::IntArrayRef{3, 1, 2, 2}));
  EXPECT_TRUE(at::allclose(batch.x[0].flatten(), at::tensor({-1.0, 1.0, -0.6, 0.6}, at::kFloat), 0, 1e-7));
  EXPECT_TRUE(at::equal(batch.y, at::tensor({0, 0, 0}, at::kLong)));
}

TEST(Dataset, DrawsWithoutReplacementAndRefusesMoreThanThereIs) {
  Rng rng(1);
  const Dataset data = small_images();
  EXPECT_EQ(std::get<0>(at::_unique(data.draw(3, rng).x.sum({1, 2, 3}))).numel(), 3);
  EXPECT_TRUE(at::equal(data.head(2).x, data.head().x.slice(0, 0, 2)));
  EXPECT_EQ(refusal([&] { data.draw(4, rng); }), "small: 4 samples wanted, the train split has 3");
  EXPECT_THAT(refusal([&] { data.head(4); }), HasSubstr("4 samples wanted"));
}

TEST(Dataset, HashNamesTheContentAlone) {
  const Dataset data = small_images();
  Dataset other = small_images();
  other.name = "other";
  EXPECT_EQ(other.hash(), data.hash());
  other.labels = at::tensor({0, 1, 1}, at::kLong);
  EXPECT_NE(other.hash(), data.hash());
  other.labels = at::Tensor();
  EXPECT_NE(other.hash(), data.hash());
  other = small_images();
  other.samples = other.samples.view({3, 2, 1, 2});
  EXPECT_NE(other.hash(), data.hash());
}

TEST(Domain, IsToldInWords) {
  EXPECT_EQ(small_images().domain.text(), "1x2x2 images, 2 classes");
  EXPECT_EQ((Domain{Domain::Kind::points, {2}, 0, {}}).text(), "points in 2 dimensions");
}

TEST(LoadDataset, KnowsItsNamesAndSplits) {
  EXPECT_THAT(refusal([] { load_dataset(named("fasion-mnist"), "train"); }),
              HasSubstr("did you mean 'fashion-mnist'?"));
  EXPECT_EQ(refusal([] { load_dataset(named("ring"), "validation"); }),
            "unknown split 'validation': use train, test, held-out or all");
  EXPECT_EQ(refusal([] { load_dataset(named("./nowhere"), "train"); }), "./nowhere: no such file or folder");
  EXPECT_THAT(refusal([] { load_dataset(named("./here", "/there"), "train"); }),
              HasSubstr("data.path is for data sets known by name"));
}

TEST(LoadDataset, RefusesKeysThatItsSourceDoesNotHave) {
  DataOptions options = named("ring");
  options.label = "kind";
  EXPECT_THAT(refusal([&] { load_dataset(options, "train"); }), HasSubstr("data.label is of tables"));
  options = named("ring");
  options.size = 8;
  EXPECT_THAT(refusal([&] { load_dataset(options, "train"); }), HasSubstr("data.size: ring holds points"));
}

TEST(LoadDataset, OfAllIsBothSplits) {
  EXPECT_EQ(load_dataset(named("ring"), "all").size(),
            load_dataset(named("ring"), "train").size() + load_dataset(named("ring"), "test").size());
}

TEST(FashionMnist, IsWhatWasPublished) {
  const auto options = named("fashion-mnist");
  const Dataset train = load_dataset(options, "train"), test = load_dataset(options, "test");
  EXPECT_EQ(train.samples.sizes(), (at::IntArrayRef{60000, 1, 28, 28}));
  EXPECT_EQ(test.samples.sizes(), (at::IntArrayRef{10000, 1, 28, 28}));
  EXPECT_EQ(train.domain.text(), "1x28x28 images, 10 classes");
  EXPECT_TRUE(train.labels.bincount().eq(6000).all().item<bool>());
  EXPECT_TRUE(test.labels.bincount().eq(1000).all().item<bool>());
  EXPECT_EQ(train.domain.classes.at(static_cast<size_t>(train.labels[0].item<int64_t>())), "Ankle boot");
  // Mean and deviation of all training pixels, as everybody normalises with.
  const at::Tensor pixels = train.samples.to(at::kFloat) / 255;
  EXPECT_NEAR(pixels.mean().item<double>(), 0.2860, 1e-4);
  EXPECT_NEAR(pixels.std().item<double>(), 0.3530, 1e-4);
}

TEST(Mnist, ReadsPlainAndGzippedFilesWhereverTheyAreSaidToLie) {
  const TemporaryFolder folder;
  put_small_mnist(folder.file("mnist"));
  const Dataset train = load_dataset(named("mnist", folder.file("mnist")), "train");
  EXPECT_TRUE(at::equal(numbers_in(train.samples), at::arange(60)));
  EXPECT_TRUE(at::equal(train.labels, at::arange(60).remainder(10)));
  EXPECT_TRUE(at::equal(numbers_in(load_dataset(named("mnist", folder.file("mnist")), "test").samples),
                        at::arange(30'000, 30'030)));
  const std::string plain = folder.file("mnist/train-images-idx3-ubyte");
  ASSERT_EQ(std::system(("gzip " + plain).c_str()), 0);
  EXPECT_EQ(load_dataset(named("mnist", folder.file("mnist")), "train").hash(), train.hash());
  ASSERT_EQ(setenv("OBVERSE_DATA", folder.path().c_str(), 1), 0);
  EXPECT_EQ(load_dataset(named("mnist"), "train").hash(), train.hash());
  unsetenv("OBVERSE_DATA");
}

TEST(Mnist, SaysWhatIsWrongWithItsFiles) {
  const TemporaryFolder folder;
  const auto load = [&] { load_dataset(named("mnist", folder.path()), "train"); };
  const std::string images = folder.file("train-images-idx3-ubyte"), labels = folder.file("train-labels-idx1-ubyte");
  EXPECT_THAT(refusal(load), HasSubstr("no train-images-idx3-ubyte (or .gz) in " + folder.path()));
  const std::string good = idx(at::zeros({5, 2, 2}, at::kByte));
  testing::put(images, good);
  EXPECT_EQ(refusal(load), folder.path() + ": train-labels-idx1-ubyte is missing");
  testing::put(labels, idx(at::zeros({4}, at::kByte)));
  EXPECT_EQ(refusal(load), labels + ": 4 labels for the 5 images of " + images);
  testing::put(labels, idx(at::full({5}, 10, at::kByte)));
  EXPECT_THAT(refusal(load), HasSubstr("a label above 9"));
  testing::put(labels, idx(at::zeros({5, 1}, at::kByte)));
  EXPECT_EQ(refusal(load), labels + ": not labels: an IDX file of N bytes is needed");
  testing::put(images, good.substr(0, good.size() - 1));
  EXPECT_EQ(refusal(load), images + ": 19 bytes of data, the IDX header says 20: the file is damaged or cut short");
  testing::put(images, "hello, this is a text");
  EXPECT_EQ(refusal(load), images + ": not an IDX file");
  testing::put(images, std::string("\0\0\x0d\3", 4) + good.substr(4));
  EXPECT_EQ(refusal(load), images + ": IDX of type 0x0d: only unsigned bytes (0x08) are supported");
  testing::put(images, good.substr(0, 4) + std::string(12, '\xff'));
  EXPECT_THAT(refusal(load), HasSubstr("sizes are absurd"));
  testing::put(images, std::string("\0\0\x08\3\0\0\0\0\0\0\0\2\0\0\0\2", 16));
  EXPECT_EQ(refusal(load), images + ": the IDX file is empty");
  for (size_t n = 0; n < good.size(); ++n) {
    testing::put(images, good.substr(0, n));
    EXPECT_THAT(refusal(load), HasSubstr(images)) << n;
  }
}

TEST(StackedMnist, IsMadeOfThreeRandomDigitsOfItsOwnSplit) {
  const TemporaryFolder folder;
  put_small_mnist(folder.path());
  const auto options = named("stacked-mnist", folder.path());
  for (const auto& [split, n, digits, first] :
       {std::tuple{"train", 128'000, 60, 0}, std::tuple{"test", 26'000, 30, 30'000}}) {
    const Dataset data = load_dataset(options, split);
    EXPECT_EQ(data.samples.sizes(), (at::IntArrayRef{n, 3, 4, 4}));
    EXPECT_EQ(data.domain.classes.size(), 1000u);
    EXPECT_EQ(data.domain.classes[7], "007");
    at::Tensor label = at::zeros({n}, at::kLong);
    for (int64_t c = 0; c < 3; ++c) {
      const at::Tensor number = numbers_in(data.samples.slice(1, c, c + 1)) - first;
      label = label * 10 + number.remainder(10);
      // Each digit is drawn n / digits times, give or take five standard deviations.
      const double expected = static_cast<double>(n) / digits;
      EXPECT_LT((number.bincount({}, digits).to(at::kDouble) - expected).abs().max().item<double>(),
                5 * std::sqrt(expected));
    }
    EXPECT_TRUE(at::equal(data.labels, label)) << split;  // 100 r + 10 g + b
    EXPECT_EQ(std::get<0>(at::_unique(label)).numel(), 1000);
    EXPECT_EQ(data.hash(), load_dataset(options, split).hash());
  }
}

TEST(StackedMnist, IsResizedChannelByChannel) {
  const TemporaryFolder folder;
  put_small_mnist(folder.path());
  auto options = named("stacked-mnist", folder.path());
  options.size = 8;
  EXPECT_EQ(load_dataset(options, "test").domain.text(), "3x8x8 images, 1000 classes");
}

TEST(Options, LeaveOutLabelsAndKeepTheFirstOfTheTrainingSplit) {
  const TemporaryFolder folder;
  put_small_mnist(folder.path());
  auto options = named("mnist", folder.path());
  options.labels = false;
  options.limit = 7;
  options.size = 2;
  const Dataset train = load_dataset(options, "train");
  EXPECT_FALSE(train.labels.defined());
  EXPECT_EQ(train.samples.sizes(), (at::IntArrayRef{7, 1, 2, 2}));
  EXPECT_EQ(train.domain.text(), "1x2x2 images");
  EXPECT_EQ(load_dataset(options, "test").size(), 30);
}

}  // namespace
}  // namespace obverse
