#include "obverse/infer/model_metrics.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cmath>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/infer/probes.h"
#include "tests/io/refused.h"

namespace obverse {
namespace {

using ::testing::HasSubstr;

TEST(Probes, TheNearestVectorGivesItsLabel) {
  const at::Tensor x = at::tensor({0.0, 0.0, 10.0, 0.0, 0.0, 10.0}).to(at::kFloat).view({3, 2}) + 1000;
  const at::Tensor y = at::tensor({4, 7, 9}, at::kLong);
  const at::Tensor test = at::tensor({1.0, 1.0, 9.0, 2.0, 4.0, 6.0}).to(at::kFloat).view({3, 2}) + 1000;
  EXPECT_TRUE(at::equal(nearest_labels(x, y, test), at::tensor({4, 7, 9}, at::kLong)));
}

// Two classes on either side of a line that does not pass through the origin, numbers of very different scales.
TEST(Probes, ALinearProbeFindsALineAndNotARing) {
  Rng rng(1);
  const at::Tensor x = rng.normal({2000, 2}) * at::tensor({100.0, 0.01}).to(at::kFloat) + 50;
  const at::Tensor line = (x.select(1, 0) / 100 + x.select(1, 1) / 0.01 > 5001).to(at::kLong);
  const at::Tensor ring = (rng.normal({2000, 2}).square().sum(1) > 1.4).to(at::kLong);
  const auto accuracy = [&](const at::Tensor& y) {
    return (linear_probe_labels(x.slice(0, 0, 1000), y.slice(0, 0, 1000), 2, x.slice(0, 1000)) == y.slice(0, 1000))
        .to(at::kDouble)
        .mean()
        .item<double>();
  };
  EXPECT_GT(accuracy(line), 0.97);
  EXPECT_LT(accuracy(ring), 0.6);
}

Dataset points(const at::Tensor& samples, const at::Tensor& labels) {
  Dataset data;
  data.name = "points";
  data.domain = {Domain::Kind::points, {samples.size(1)}, 0, {"low", "high"}};
  data.samples = samples;
  data.labels = labels;
  return data;
}

/// A flow of points that nobody trained, and data: one class on each side.
class ModelMetrics : public ::testing::Test {
 protected:
  ModelMetrics() {
    loaded_.recipe =
        parse_recipe({"[game]\nkind = \"flow\"\n[flow]\nkind = \"maf\"\nlayers = 2\nwidths = [8]\n", "test", {}});
    train_ = make(600, 1);
    test_ = make(300, 2);
    loaded_.domain = train_.domain;
    loaded_.game = build_game(loaded_.recipe, loaded_.domain);
    freeze(*loaded_.game, {});
    loaded_.model = loaded_.game->model();
    loaded_.model->name = "flow";
    network_ = choose_features("", {}, train_);
    options_.inverted = 50;
    options_.invert.method = "encode";
  }
  static Dataset make(int64_t n, uint64_t seed) {
    Rng rng(seed);
    const at::Tensor x = rng.normal({n, 2});
    return points(x, (x.select(1, 0) > 0).to(at::kLong));
  }
  std::map<std::string, Figure> measure(const std::string& name) {
    std::map<std::string, Figure> result;
    const ModelComparison c{loaded_, train_, test_, *network_, options_};
    for (const Figure& f : find_row(model_metric_table(), "metric", name).measure(c)) result[f.label] = f;
    return result;
  }

  LoadedModel loaded_;
  Dataset train_, test_;
  std::unique_ptr<FeatureNetwork> network_;
  ModelMetricOptions options_;
};

// An untrained flow is the identity on data that are standard normal already.
TEST_F(ModelMetrics, AnIdentityRecoversEverything) {
  auto figures = measure("inference");
  EXPECT_NEAR(figures["mse"].value, 0, 1e-9);
  EXPECT_NEAR(figures["own code distance"].value, 0, 1e-5);
  EXPECT_EQ(figures["own codes found"].value, 1);
  EXPECT_LT(figures["code mmd"].low, 0);  // unbiased: about 0, on either side
  EXPECT_GT(figures["code mmd"].high, 0);
  EXPECT_GT(figures["1-nn on codes"].value, 0.97);
  EXPECT_GT(figures["linear probe on codes"].value, 0.97);
  EXPECT_NEAR(figures["1-nn on codes"].floor, figures["1-nn on codes"].value, 0.02);  // normalised anew
  EXPECT_EQ(figures["mse"].metric, "inference50_encode");
  EXPECT_EQ(figures.count("psnr"), 0u);  // of images only
}

TEST_F(ModelMetrics, OfMixturesItTellsWhetherCodesKeepTheirMode) {
  EXPECT_EQ(measure("inference").count("mode kept"), 0u);
  train_.name = "ring";
  EXPECT_EQ(measure("inference")["mode kept"].value, 1);
}

TEST_F(ModelMetrics, CodesBesideThePriorAreFarFromIt) {
  without_grad([&] { return find_tensor(loaded_.game->weights(), "flow.norm0.shift", "the game").add_(2); });
  EXPECT_GT(measure("inference")["code mmd"].low, 1);
}

// The density of N(0, 1) in two dimensions has a mean logarithm of -(1 + log 2 pi).
TEST_F(ModelMetrics, TheLikelihoodOfNormalDataUnderAnIdentityIsKnown) {
  auto figures = measure("likelihood");
  EXPECT_EQ(figures["log p"].metric, "likelihood");
  EXPECT_NEAR(figures["log p"].value, -1 - std::log(2 * M_PI), 0.15);
  EXPECT_EQ(figures.count("bits per dim"), 0u);
  EXPECT_LT(figures["log p"].low, figures["log p"].value);
}

TEST_F(ModelMetrics, AModelWithoutADensityIsRefused) {
  loaded_.recipe = parse_recipe(
      {"[game]\nkind = \"gan\"\n[generator]\nkind = \"mlp\"\n[discriminator]\nkind = \"mlp\"\n", "test", {}});
  loaded_.game = build_game(loaded_.recipe, loaded_.domain);
  freeze(*loaded_.game, {});
  loaded_.model = loaded_.game->model();
  EXPECT_THAT(testing::refusal([&] { measure("likelihood"); }), HasSubstr("a VAE or a flow can"));
  EXPECT_THAT(testing::refusal([&] { measure("inference"); }), HasSubstr("has no encoder"));
}

/// Makes pictures of the second class 0.2 brighter than those of the first.
class Brightener : public LatentModel {
 public:
  explicit Brightener(Domain domain) : domain_(std::move(domain)) {}
  const Domain& domain() const override { return domain_; }
  std::vector<LatentSpace> spaces() const override { return {{"image", domain_.shape, "uniform"}}; }
  int64_t classes() const override { return 2; }
  bool translates() const override { return true; }
  at::Tensor decode(const at::Tensor& code, const at::Tensor& y) override {
    return code + (y.to(at::kFloat) * 0.4 - 0.2).view({-1, 1, 1, 1});
  }

 private:
  Domain domain_;
};

// Pairs whose second picture is 51 of 255 levels, 0.4, brighter: half of it is left after 0.2, 0.04 for 0.16.
TEST_F(ModelMetrics, TranslationIsMeasuredOnPairsBesideThePictureAsItWas) {
  const at::Tensor dark = Rng(1).integers(200, {10, 3, 12, 12}).to(at::kByte);
  Dataset pairs;
  pairs.name = "pairs";
  pairs.domain = {Domain::Kind::image, {3, 12, 12}, 256, {"night", "day"}};
  pairs.samples = at::stack({dark, dark + 51}, 1).flatten(0, 1);
  pairs.labels = at::arange(20, at::kLong) % 2;
  test_ = pairs;
  EXPECT_THAT(testing::refusal([&] { measure("translation"); }), HasSubstr("does not translate"));
  loaded_.model = std::make_unique<Brightener>(pairs.domain);
  auto figures = measure("translation");
  for (const char* to : {"night", "day"}) {
    const Figure& f = figures[std::string("mse to ") + to];
    EXPECT_NEAR(f.value, 0.04, 1e-5) << to;
    EXPECT_NEAR(f.floor, 0.16, 1e-5) << to;
    EXPECT_GT(figures[std::string("ssim to ") + to].value, figures[std::string("ssim to ") + to].floor);
  }
  test_.labels = at::zeros({20}, at::kLong);
  EXPECT_THAT(testing::refusal([&] { measure("translation"); }), HasSubstr("not of pairs"));
}

}  // namespace
}  // namespace obverse
