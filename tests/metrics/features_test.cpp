#include "obverse/metrics/features.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "obverse/metrics/cache.h"
#include "obverse/metrics/classifier.h"
#include "tests/refusal.h"
#include "toy_images.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;
using ::testing::HasSubstr;

ClassifierTraining short_training() {
  ClassifierTraining training;
  training.epochs = 3;
  training.batch = 30;
  return training;
}

TEST(Classifier, LearnsToTellEasyImagesApartWhateverTheirSizeAndChannels) {
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{1, 12, 12}, {3, 9, 20}, {1, 4, 4}}) {
    const auto network = train_classifier(toy_images("train", 600, shape), short_training());
    EXPECT_GT(accuracy(*network, toy_images("test", 90, shape)), 0.95) << shape[1] << "x" << shape[2];
  }
}

TEST(Classifier, IsTheSameInEveryBitForTheSameSeed) {
  const Dataset train = toy_images("train", 300);
  ClassifierTraining other = short_training();
  other.seed = 1;
  const auto a = train_classifier(train, short_training()), b = train_classifier(train, short_training());
  const auto c = train_classifier(train, other);
  const at::Tensor x = train.head(20).x;
  EXPECT_TRUE(at::equal(a->features(x), b->features(x)));
  EXPECT_FALSE(at::equal(a->features(x), c->features(x)));
  EXPECT_FALSE(a->features(x).requires_grad());
}

TEST(Classifier, TrainedOnMovedImagesKnowsThemBetter) {
  const Dataset train = toy_images("train", 600);
  Dataset moved = toy_images("test", 90);
  moved.samples = at::constant_pad_nd(moved.samples, {1, -1, 2, -2}, 0);
  ClassifierTraining still = short_training(), shaken = short_training();
  shaken.shift = 2;
  shaken.epochs = still.epochs = 10;
  EXPECT_NE(still.text(), shaken.text());  // two files in the cache
  EXPECT_GT(accuracy(*train_classifier(train, shaken), moved), 0.95);
}

TEST(Classifier, IsTrainedOnceAndThenReadFromTheCache) {
  const CacheFolder cache;
  const Dataset train = toy_images("train", 300), test = toy_images("test", 60);
  int lines = 0;
  const Log count = [&](const std::string&) { ++lines; };
  const auto first = classifier_features(train, test, count, short_training());
  EXPECT_GT(lines, 0);
  lines = 0;
  const auto second = classifier_features(train, test, count, short_training());
  EXPECT_EQ(lines, 0);
  EXPECT_EQ(first->hash, second->hash);
  EXPECT_EQ(first->name, "toy-classifier");
  EXPECT_EQ(first->label(), "toy-classifier-" + first->hash.substr(0, 8));
  EXPECT_GT(first->test_accuracy, 0.9);
  const at::Tensor x = test.head().x;
  EXPECT_TRUE(at::equal(features_of(*first, x), features_of(*second, x)));
  EXPECT_EQ(features_of(*first, x).sizes(), (at::IntArrayRef{60, 64}));
  EXPECT_EQ(first->logits(features_of(*first, x)).sizes(), (at::IntArrayRef{60, 1, 3}));
  ASSERT_EQ(cached_classifiers().size(), 1u);
  EXPECT_EQ(cached_classifiers()[0].hash, first->hash);
  const auto of_other_data = classifier_features(toy_images("train", 330), test, count, short_training());
  EXPECT_NE(of_other_data->hash, first->hash);
}

TEST(Classifier, IsTrainedByOneOfTwoThatWantItAtOnce) {
  const CacheFolder cache;
  const Dataset train = toy_images("train", 300), test = toy_images("test", 60);
  std::atomic<int> trained = 0;
  const Log count = [&](const std::string& line) { trained += line.find("training the classifier") == 0; };
  std::string hashes[2];
  std::thread other([&] { hashes[1] = classifier_features(train, test, count, short_training())->hash; });
  hashes[0] = classifier_features(train, test, count, short_training())->hash;
  other.join();
  EXPECT_EQ(trained, 1);
  EXPECT_EQ(hashes[0], hashes[1]);
}

TEST(Classifier, OfADamagedCacheFileIsRefusedByItsPath) {
  const CacheFolder cache;
  const Dataset train = toy_images("train", 300), test = toy_images("test", 60);
  classifier_features(train, test, {}, short_training());
  const std::string path = cached_classifiers().at(0).path;
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  EXPECT_THAT(refusal([&] { classifier_features(train, test, {}, short_training()); }), HasSubstr(path));
}

TEST(Classifier, RefusesDataWithoutLabelsPointsAndAFolderThatCannotBeWritten) {
  const CacheFolder cache;
  Dataset train = toy_images("train", 300);
  const Dataset test = toy_images("test", 60);
  EXPECT_THAT(refusal([&] { train_classifier(toy_images("train", 12), {}); }), HasSubstr("too few"));
  train.labels = at::Tensor();
  EXPECT_THAT(refusal([&] { classifier_features(train, test); }), HasSubstr("no labels"));
  Dataset points = toy_images("train", 300);
  points.domain = {Domain::Kind::points, {2}, 0, {}};
  EXPECT_THAT(refusal([&] { train_classifier(points, {}); }), HasSubstr("points need no classifier"));
  setenv("OBVERSE_CACHE", "/proc/obverse", 1);
  EXPECT_THAT(refusal([&] { classifier_features(toy_images("train", 300), test); }), HasSubstr("OBVERSE_CACHE"));
}

TEST(Features, OfPointsAreTheirCoordinates) {
  DataOptions options;
  options.source = "ring";
  const Dataset ring = load_dataset(options, "train");
  const auto network = choose_features("", options, ring);
  EXPECT_EQ(network->label(), "coordinates");
  EXPECT_EQ(network->dims, 2);
  EXPECT_TRUE(at::equal(features_of(*network, ring, at::arange(10)), ring.head(10).x));
  EXPECT_THAT(refusal([&] { network->logits(ring.head(1).x); }), HasSubstr("no classes"));
}

TEST(Features, AreFoundByNameOrRefusedWithTheNearestOne) {
  const Dataset data = toy_images("train", 40);
  EXPECT_EQ(choose_features("pixels", {}, data)->dims, 144);
  EXPECT_THAT(refusal([&] { choose_features("pixel", {}, data); }), HasSubstr("did you mean 'pixels'"));
  EXPECT_THAT(refusal([&] { choose_features("nowhere.pt", {}, data); }), HasSubstr("nowhere.pt: no such file"));
  Dataset unlabelled = toy_images("train", 40);
  unlabelled.labels = at::Tensor();
  EXPECT_EQ(choose_features("", {}, unlabelled)->label(), choose_features("random", {}, data)->label());
  EXPECT_THAT(refusal([&] { choose_features("classifier", {}, unlabelled); }), HasSubstr("FILE.pt, random"));
}

TEST(Features, OfTheRandomNetworkAreTheSameEveryTimeAndSeeDamage) {
  const Dataset data = toy_images("train", 200);
  const auto network = choose_features("random", {}, data), again = random_features(1);
  EXPECT_EQ(network->label(), "random-convolutions-" + network->hash.substr(0, 8));
  EXPECT_EQ(network->hash, again->hash);
  EXPECT_NE(network->hash, random_features(3)->hash);
  const at::Tensor features = features_of(*network, data);
  EXPECT_EQ(features.sizes(), (at::IntArrayRef{200, network->dims}));
  EXPECT_TRUE(at::equal(features, features_of(*again, data)));
  EXPECT_EQ(features_of(*random_features(3), at::rand({2, 3, 1, 5})).size(1), network->dims);
}

// A network that counts how often it is asked.
class Counting : public FeatureNetwork {
 public:
  Counting() {
    name = "counting";
    hash = "0123456789abcdef";
    dims = 4;
  }
  at::Tensor features(const at::Tensor& x) override {
    ++calls;
    return x.flatten(1).slice(1, 0, 4) + 1;
  }
  std::atomic<int> calls = 0;
};

TEST(Features, OfADataSetAreMadeOnceAndKeptUnderItsContentAlsoByTwoAtOnce) {
  const CacheFolder cache;
  const Dataset data = toy_images("train", 30);
  Counting network;
  at::Tensor other_features;
  std::thread other([&] { other_features = cached_features_of(network, data); });
  const at::Tensor features = cached_features_of(network, data);
  other.join();
  EXPECT_EQ(network.calls, 1);
  EXPECT_TRUE(at::equal(features, other_features));
  EXPECT_TRUE(at::equal(features, features_of(network, data)));
  Dataset changed = toy_images("train", 30);
  changed.samples[3][0][0][0] += 1;
  network.calls = 0;
  cached_features_of(network, changed);
  EXPECT_EQ(network.calls, 1);
  network.resize = "pil-bicubic to 3";
  cached_features_of(network, changed);
  EXPECT_EQ(network.calls, 2);
  EXPECT_TRUE(cached_classifiers().empty());
}

class Broken : public FeatureNetwork {
 public:
  explicit Broken(at::Tensor out) : out_(std::move(out)) { name = "broken"; }
  at::Tensor features(const at::Tensor&) override { return out_; }

 private:
  at::Tensor out_;
};

TEST(Features, ThatAreNotFiniteOrNotVectorsAreRefused) {
  const at::Tensor x = at::zeros({2, 1, 4, 4});
  Broken nan(at::full({2, 3}, std::nan("")));
  EXPECT_THAT(refusal([&] { features_of(nan, x); }), HasSubstr("not finite"));
  Broken one(at::zeros({1, 3}));
  EXPECT_THAT(refusal([&] { features_of(one, x); }), HasSubstr("a vector for each sample"));
}

}  // namespace
}  // namespace obverse
