#include "obverse/metrics/evaluate.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "../row_name.h"
#include "linear_model.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/metrics/classifier.h"
#include "obverse/metrics/modes.h"
#include "tests/refusal.h"
#include "toy_images.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;
using ::testing::HasSubstr;

Dataset points(const std::string& name, const std::string& split) {
  DataOptions options;
  options.source = name;
  return load_dataset(options, split);
}

const Figure& figure(const std::vector<Figure>& figures, const std::string& label) {
  for (const Figure& f : figures)
    if (f.label == label) return f;
  fail("no figure {}", label);
}

SampleSource draws_of(const Dataset& data, double scale = 1, double shift = 0) {
  return [&data, scale, shift](int64_t n, Rng& rng) {
    return Batch{data.get(rng.integers(data.size(), {n})).x * scale + shift, {}};
  };
}

struct RingJudge {
  Dataset train = points("ring", "train"), test = points("ring", "test");
  std::unique_ptr<FeatureNetwork> network = choose_features("", {}, train);
  Evaluator evaluator{train, test, *network};
};

// Small images judged by their pixels.
struct ToyJudge {
  Dataset train = toy_images("train", 600), test = toy_images("test", 300);
  std::unique_ptr<FeatureNetwork> network = choose_features("pixels", {}, train);
  Evaluator evaluator{train, test, *network};
};

// Draws with labels, as a conditional model gives them.
SampleSource labelled_draws_of(const Dataset& data) {
  return [&data](int64_t n, Rng& rng) { return data.get(rng.integers(data.size(), {n})); };
}

// Images with a classifier of theirs, made once.
struct LabelledJudge {
  CacheFolder cache;
  Dataset train = toy_images("train", 1200), test = toy_images("test", 900);
  std::unique_ptr<FeatureNetwork> network = classifier_features(train, test, {}, training());
  Evaluator evaluator{train, test, *network};
  static ClassifierTraining training() {
    ClassifierTraining training;
    training.batch = 30;
    return training;
  }
};

class EveryMetric : public ::testing::TestWithParam<MetricRow> {};

TEST_P(EveryMetric, GivesFiguresWithAnIntervalAroundThemAndTheirProvenance) {
  static LabelledJudge images;
  const MetricRow& row = GetParam();
  RingJudge ring;  // whose modes are known
  const bool modes = row.name == "modes";
  Evaluator& evaluator = modes ? ring.evaluator : images.evaluator;
  const SampleSource source = labelled_draws_of(modes ? ring.train : images.train);
  LinearModel model(Rng(1).normal({4, 1, 12, 12}) / 4);
  EvaluateOptions options;
  options.metrics = {row.name};
  options.samples = 900;
  options.seed = 3;
  const auto figures = evaluator.evaluate(options, source, &model);
  ASSERT_FALSE(figures.empty());
  for (const Figure& f : figures) {
    EXPECT_THAT(f.name, HasSubstr(row.name + "900" + row.suffix + "_" + evaluator.reference().network().label()));
    EXPECT_TRUE(std::isfinite(f.value)) << f.name;
    EXPECT_TRUE(std::isnan(f.low) || (f.low <= f.value && f.value <= f.high)) << f.name;
    EXPECT_EQ(std::isnan(f.low), f.interval == "none") << f.name;
    EXPECT_EQ(f.has_floor, row.floor) << f.name;
    EXPECT_EQ(f.n_fake, 900) << f.name;
    EXPECT_EQ(f.n_floor, row.floor ? 900 : 0) << f.name;
    EXPECT_EQ(f.seed, 3u) << f.name;
    EXPECT_FALSE(f.protocol.empty()) << f.name;
  }
  const auto again = evaluator.evaluate(options, source, &model);
  for (size_t i = 0; i < figures.size(); ++i) EXPECT_EQ(again[i].value, figures[i].value) << figures[i].name;
}

INSTANTIATE_TEST_SUITE_P(Table, EveryMetric, ::testing::ValuesIn(metric_table()), RowName());

TEST(Evaluate, MetricsThatSuitTheDataAreTakenWhenNoneIsNamed) {
  RingJudge judge;
  const auto figures = judge.evaluator.evaluate({}, draws_of(judge.train));
  EXPECT_EQ(figure(figures, "modes").value, 8);
  EXPECT_EQ(figure(figures, "modes").n_fake, 2500);  // the protocol's number
  EXPECT_NEAR(figure(figures, "high quality").value, 0.989, 0.01);
  EXPECT_NEAR(figure(figures, "narrowest std ratio").value, 0.95, 0.1);
  EXPECT_EQ(figure(figures, "fid").n_real, 100'000);
  EXPECT_EQ(figure(figures, "coverage").n_real, 2'500);
  const Dataset roll = points("swiss-roll", "train"), roll_test = points("swiss-roll", "test");
  Evaluator other(roll, roll_test, *judge.network);
  for (const Figure& f : other.evaluate({}, draws_of(roll))) EXPECT_NE(f.label, "modes");
}

TEST(Evaluate, RealDataIsAtItsFloorAndShiftedDataIsNot) {
  RingJudge judge;
  EvaluateOptions options;
  options.metrics = {"fid", "kid", "pr", "dc"};
  options.samples = 1000;
  const auto same = judge.evaluator.evaluate(options, draws_of(judge.train));
  const auto shifted = judge.evaluator.evaluate(options, draws_of(judge.train, 1, 0.3));
  EXPECT_LT(figure(same, "fid").value, 1e-2);
  EXPECT_NEAR(figure(shifted, "fid").value, 2 * 0.09, 0.03);
  EXPECT_GT(figure(shifted, "fid").low, figure(same, "fid").high);
  EXPECT_GT(figure(shifted, "kid").low, figure(same, "kid").high);
  EXPECT_GT(figure(same, "precision").value, 0.9);
  EXPECT_LT(figure(shifted, "precision").value, 0.1);
  EXPECT_LT(figure(shifted, "coverage").value, 0.1);
  EXPECT_EQ(figure(same, "fid").floor, figure(shifted, "fid").floor);
}

class Interval : public ::testing::TestWithParam<const char*> {};

TEST_P(Interval, HoldsNineteenTimesInTwenty) {
  // 60 independent sets of 500 points judged against one reference: the intervals should hold the mean of all of them.
  RingJudge judge;
  EvaluateOptions options;
  options.metrics = {GetParam()};
  options.samples = 500;
  options.floors = false;
  std::map<std::string, std::vector<Figure>> all;
  for (uint64_t set = 0; set < 60; ++set) {
    Rng draws(set, "simulated generator");
    const SampleSource source = [&](int64_t n, Rng&) {
      return Batch{judge.test.get(draws.integers(judge.test.size(), {n})).x + 0.02 * draws.normal({n, 2}) + 0.02, {}};
    };
    for (const Figure& f : judge.evaluator.evaluate(options, source)) all[f.label].push_back(f);
  }
  for (const auto& [label, figures] : all) {
    double mean = 0;
    for (const Figure& f : figures) mean += f.value / 60;
    const auto holding =
        std::count_if(figures.begin(), figures.end(), [&](const Figure& f) { return f.low <= mean && mean <= f.high; });
    EXPECT_GE(holding, 51) << label;  // 95 % of 60 is 57; fewer than 51 has a chance below 1 %
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Interval, ::testing::Values("fid", "fid_infinity", "kid", "mmd", "swd", "pr", "dc"));

/// x = the label.
class Labeller : public LatentModel {
 public:
  const Domain& domain() const override { return domain_; }
  std::vector<LatentSpace> spaces() const override { return {{"z", {1}}}; }
  int64_t classes() const override { return 3; }
  at::Tensor decode(const at::Tensor&, const at::Tensor& y) override { return y.to(at::kFloat).unsqueeze(1); }

 private:
  Domain domain_{Domain::Kind::points, {1}, 0, {"a", "b", "c"}};
};

TEST(Evaluate, ClassesOfAModelsSamplesAreAsFrequentAsTheDatas) {
  Labeller model;
  Dataset data;
  data.domain = model.domain();
  data.labels = (at::arange(100) < 90).to(at::kLong);  // none is of the third
  Rng rng(1);
  const Batch drawn = source_of(model, data)(2000, rng);
  EXPECT_NEAR(drawn.x.mean().item<double>(), 0.9, 0.03);
  EXPECT_TRUE(at::equal(drawn.x.flatten(), drawn.y.to(at::kFloat)));
  data.labels = at::Tensor();
  EXPECT_NEAR(source_of(model, data)(2000, rng).x.mean().item<double>(), 1, 0.06);
}

TEST(Evaluate, RepeatsWithTheSameSeed) {
  RingJudge judge;
  EvaluateOptions options;
  options.samples = 600;
  const auto first = judge.evaluator.evaluate(options, draws_of(judge.train));
  const auto second = evaluate(options, judge.train, judge.test, draws_of(judge.train), *judge.network);
  ASSERT_EQ(first.size(), second.size());
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].value, second[i].value) << first[i].name;
    EXPECT_EQ(first[i].floor, second[i].floor) << first[i].name;
  }
}

TEST(Evaluate, ImagesAreRoundedToBytesFirstAndClassesAreCountedByTheClassifier) {
  const CacheFolder cache;
  const Dataset train = toy_images("train", 600), test = toy_images("test", 150);
  ClassifierTraining training;
  training.batch = 30;
  const auto network = classifier_features(train, test, {}, training);
  EvaluateOptions options;
  options.metrics = {"classes", "fid"};
  options.samples = 300;
  const SampleSource first_class = [&](int64_t n, Rng&) {
    return train.get(at::arange(n, at::kLong).remainder(200) * 3);  // bar 0 alone
  };
  const SampleSource noisy = [&](int64_t n, Rng& rng) {
    Batch batch = first_class(n, rng);
    batch.x = batch.x + 0.001;  // lost in rounding
    return batch;
  };
  const auto figures = evaluate(options, train, test, first_class, *network);
  EXPECT_DOUBLE_EQ(figure(figures, "largest class").value, 1);
  EXPECT_DOUBLE_EQ(figure(figures, "smallest class").value, 0);
  EXPECT_NEAR(figure(figures, "largest class").floor, 1.0 / 3, 0.02);
  EXPECT_GT(figure(figures, "confident").value, 0.9);
  EXPECT_EQ(figure(figures, "smallest class").details.at(0).first, "bar 0");
  EXPECT_EQ(figure(evaluate(options, train, test, noisy, *network), "fid").value, figure(figures, "fid").value);
  EXPECT_THAT(figure(figures, "fid").name, ::testing::StartsWith("fid300_toy-classifier-"));
}

// Ten "digits" of 10x10 pixels, a pattern each, as the four IDX files of MNIST.
void write_digits(const std::string& folder, const std::string& split, int64_t n) {
  Dataset digits = toy_images(split, n, {1, 10, 10}, 10);
  const at::Tensor patterns = (Rng(1, "patterns").uniform({10, 1, 10, 10}) > 0.5).to(at::kByte) * 150;
  digits.samples = (digits.samples / 4 + patterns.index_select(0, digits.labels)).to(at::kByte);
  const auto number = [](std::ofstream& file, uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) file.put(static_cast<char>(value >> shift));
  };
  std::filesystem::create_directories(folder);
  const std::string prefix = folder + "/" + (split == "train" ? "train" : "t10k");
  std::ofstream images(prefix + "-images-idx3-ubyte", std::ios::binary);
  for (const int64_t value : {int64_t{0x803}, n, int64_t{10}, int64_t{10}})
    number(images, static_cast<uint32_t>(value));
  images.write(static_cast<const char*>(digits.samples.data_ptr()), digits.samples.numel());
  std::ofstream labels(prefix + "-labels-idx1-ubyte", std::ios::binary);
  for (const int64_t value : {int64_t{0x801}, n}) number(labels, static_cast<uint32_t>(value));
  labels.write(static_cast<const char*>(digits.labels.to(at::kByte).data_ptr()), n);
}

TEST(Evaluate, ModesOfStackedDigitsAreCountedByTheDigitClassifierOnEachChannel) {
  const CacheFolder cache;
  DataOptions options;
  options.source = "stacked-mnist";
  options.path = cache.path() + "/digits";
  write_digits(options.path, "train", 3000);
  write_digits(options.path, "test", 300);
  const Dataset train = load_dataset(options, "train"), test = load_dataset(options, "test");
  const auto network = choose_features("", options, train);
  EXPECT_EQ(network->name, "mnist-classifier-per-channel");
  EXPECT_EQ(network->dims, 3 * 64);
  EXPECT_GT(network->test_accuracy, 0.99);
  EXPECT_EQ(network->logits(at::zeros({4, 192})).sizes(), (at::IntArrayRef{4, 3, 10}));
  EvaluateOptions evaluation;
  evaluation.metrics = {"modes"};
  const SampleSource collapsed = [&](int64_t n, Rng&) { return train.get(at::zeros({n}, at::kLong)); };
  const auto figures = evaluate(evaluation, train, test, collapsed, *network);
  EXPECT_EQ(figure(figures, "modes").n_fake, 26'000);
  EXPECT_EQ(figure(figures, "modes").value, 1);
  EXPECT_EQ(figure(figures, "modes").floor, 1000);
  EXPECT_NEAR(figure(figures, "kl").value, std::log(1000.0), 1e-9);
  EXPECT_NEAR(figure(figures, "kl").floor, 999.0 / 52'000, 3e-3);
}

TEST(Evaluate, OnlyInceptionGivesPublishedNames) {
  ToyJudge judge;
  judge.network->inception = true;
  EvaluateOptions options;
  options.metrics = {"kid", "pr"};
  options.samples = 200;
  const auto figures = judge.evaluator.evaluate(options, draws_of(judge.train));
  EXPECT_EQ(figures.at(0).name, "kid200_full");
  EXPECT_EQ(figures.at(1).name, "pr2003_precision");
  judge.network->inception = false;
  EXPECT_EQ(judge.evaluator.evaluate(options, draws_of(judge.train)).at(0).name, "kid200_pixels");
}

TEST(Evaluate, RefusesWhatCannotBeMeasured) {
  ToyJudge judge;
  const SampleSource real = draws_of(judge.train);
  const auto said = [&](const std::string& metric, int64_t samples, const SampleSource& source) {
    EvaluateOptions options;
    options.metrics = {metric};
    options.samples = samples;
    return refusal([&] { judge.evaluator.evaluate(options, source); });
  };
  EXPECT_THAT(said("fidd", 100, real), HasSubstr("did you mean 'fid'"));
  EXPECT_THAT(said("fid", 144, real), HasSubstr("fid: needs 145 samples for 144 features, there are 144"));
  EXPECT_THAT(said("pr", 1, real), HasSubstr("needs 4 samples"));
  EXPECT_THAT(said("classes", 50, real), HasSubstr("no classes"));
  EXPECT_THAT(said("is", 50, real), HasSubstr("no classes"));
  EXPECT_THAT(said("intra", 50, real), HasSubstr("labels of real and of generated samples"));
  EXPECT_THAT(said("ppl", 200, real), HasSubstr("give a model file"));
  EXPECT_THAT(said("ct", 20, real), HasSubstr("use more (--samples)"));
  EXPECT_THAT(said("modes", 50, real), HasSubstr("ring, grid and stacked-mnist"));
  EXPECT_THAT(said("kid", 50,
                   [](int64_t n, Rng&) {
                     return Batch{at::zeros({n, 3, 12, 12}), {}};
                   }),
              HasSubstr("not 1x12x12 images"));
  EXPECT_THAT(said("kid", 50,
                   [](int64_t n, Rng&) {
                     return Batch{at::full({n, 1, 12, 12}, NAN), {}};
                   }),
              HasSubstr("not finite"));
  const Dataset other = toy_images("test", 20, {3, 12, 12});
  EXPECT_THAT(refusal([&] { Evaluator(judge.train, other, *judge.network); }), HasSubstr("differ"));
}

TEST(Evaluate, MeasuresTheFrechetDistanceOfFewSamplesOnlyWhenAsked) {
  ToyJudge judge;
  EvaluateOptions options;
  options.metrics = {"fid"};
  options.samples = 120;  // of 144 features
  EXPECT_THROW(judge.evaluator.evaluate(options, draws_of(judge.train)), UserError);
  options.allow_few = true;
  EXPECT_GT(judge.evaluator.evaluate(options, draws_of(judge.train)).at(0).value, 0);
}

TEST(Evaluate, LeavesOutAFloorThatTooFewTestSamplesCannotGive) {
  ToyJudge judge;
  const Dataset few = toy_images("test", 50);
  Evaluator evaluator(judge.train, few, *judge.network);
  EvaluateOptions options;
  options.metrics = {"fid", "kid"};
  options.samples = 300;
  const auto figures = evaluator.evaluate(options, draws_of(judge.train));
  EXPECT_FALSE(figure(figures, "fid").has_floor);
  EXPECT_TRUE(figure(figures, "kid").has_floor);
  EXPECT_EQ(figure(figures, "kid").n_floor, 50);
}

TEST(FigureLine, HasStyleGansKeysAndTheProvenance) {
  ToyJudge judge;
  EvaluateOptions options;
  options.metrics = {"pr", "kid"};
  options.samples = 200;
  const auto figures = judge.evaluator.evaluate(options, draws_of(judge.train));
  MetricLine line;
  line.model = "run/model.safetensors";
  line.kimg = 20;
  line.timestamp = 1.5e9;
  const CacheFolder folder;
  append_figures(folder.path(), figures, line);
  append_figures(folder.path(), figures, line);
  std::ifstream file(folder.path() + "/metric-pr2003_pixels.jsonl");
  std::string text;
  ASSERT_TRUE(std::getline(file, text));
  const auto json = nlohmann::json::parse(text);
  EXPECT_EQ(json.at("metric"), "pr2003_pixels");
  EXPECT_DOUBLE_EQ(json.at("results").at("pr2003_pixels_precision").get<double>(), figures[0].value);
  EXPECT_DOUBLE_EQ(json.at("results").at("pr2003_pixels_recall").get<double>(), figures[1].value);
  EXPECT_DOUBLE_EQ(json.at("low").at("pr2003_pixels_recall").get<double>(), figures[1].low);
  for (const char* key : {"total_time", "total_time_str", "snapshot_pkl", "timestamp", "kimg", "n_real", "n_fake",
                          "seed", "features", "features_hash", "resize", "protocol", "floor", "n_floor"})
    EXPECT_TRUE(json.contains(key)) << key;
  ASSERT_TRUE(std::getline(file, text));
  EXPECT_FALSE(std::getline(file, text));
  EXPECT_TRUE(std::filesystem::exists(folder.path() + "/metric-kid200_pixels.jsonl"));
  EXPECT_THAT(refusal([&] { append_figures("/proc/nowhere", figures, line); }), HasSubstr("/proc/nowhere"));
}

}  // namespace
}  // namespace obverse
