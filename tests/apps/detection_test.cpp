#include "obverse/apps/detection.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "obverse/apps/mixture.h"
#include "obverse/core/rng.h"
#include "obverse/io/npz.h"
#include "tests/refusal.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;
using ::testing::HasSubstr;

at::Tensor row(std::vector<double> values) { return at::tensor(values, at::kDouble); }

at::Tensor mask(std::vector<int64_t> values) { return at::tensor(values, at::kLong).to(at::kBool); }

const NamedTensors& fixture() {
  static const NamedTensors arrays = read_npz(OBVERSE_SOURCE_DIR "/tests/fixtures/apps.npz");
  return arrays;
}

at::Tensor fixed(const char* name) { return find_tensor(fixture(), name, "fixture"); }

TEST(Detection, RocAreaIsTheShareOfPairsInOrder) {
  // 2.5 is above 1 and 2, 4 above all three, 2 above 1 and level with 2: (2 + 3 + 1.5) / 9.
  const Share area = auroc(row({1, 2, 3, 2.5, 4, 2}), mask({0, 0, 0, 1, 1, 1}));
  EXPECT_DOUBLE_EQ(area.value, 6.5 / 9);
  EXPECT_LT(area.low, area.value);
  EXPECT_GT(area.high, area.value);
  EXPECT_DOUBLE_EQ(auroc(row({1, 2, 3}), mask({0, 0, 1})).value, 1);
  EXPECT_TRUE(std::isnan(auroc(row({1, 2}), mask({0, 0})).value));
}

TEST(Detection, AveragePrecisionStepsAtEachHit) {
  // From the top: hit (1/1), miss, hit (2/3): half of the recall each.
  EXPECT_DOUBLE_EQ(average_precision(row({4, 3, 2, 1}), mask({1, 0, 1, 0})).value, 0.5 + 0.5 * 2 / 3);
  EXPECT_DOUBLE_EQ(average_precision(row({1, 1, 1, 1}), mask({1, 0, 1, 0})).value, 0.5);  // one threshold
}

TEST(Detection, AgreesWithScikitLearnWhereManyScoresAreEqual) {
  const Detection d = judge_detection(fixed("score"), fixed("label").to(at::kBool), fixed("threshold").item<double>());
  EXPECT_NEAR(d.auroc.value, fixed("auroc").item<double>(), 1e-12);
  EXPECT_NEAR(d.average_precision.value, fixed("average_precision").item<double>(), 1e-12);
  EXPECT_NEAR(d.precision.value, fixed("precision").item<double>(), 1e-12);
  EXPECT_NEAR(d.recall.value, fixed("recall").item<double>(), 1e-12);
}

TEST(Detection, IntervalsHoldTheTrueAreaAboutAsOftenAsTheySay) {
  // Normals N(0, 1), anomalies N(1, 1): the area is Phi(1 / sqrt 2).
  const double truth = 0.5 * std::erfc(-0.5);
  Rng rng(1, "scores");
  const at::Tensor anomalous = at::arange(120, at::kLong) < 40;
  int held = 0;
  for (int i = 0; i < 400; ++i) {
    const Share area = auroc(rng.normal({120}).to(at::kDouble) + anomalous.to(at::kDouble), anomalous);
    held += area.low <= truth && truth <= area.high;
  }
  EXPECT_NEAR(held / 400.0, 0.95, 0.035);  // three standard errors
}

TEST(Detection, WilsonsIntervalOfAProportion) {
  const Share half = proportion(5, 10);  // Wilson 1927: (0.5 + 0.1921 +- 0.3645) / 1.3841, by hand
  EXPECT_NEAR(half.low, 0.2366, 1e-4);
  EXPECT_NEAR(half.high, 0.7634, 1e-4);
  EXPECT_DOUBLE_EQ(proportion(0, 10).low, 0);
  EXPECT_TRUE(std::isnan(proportion(0, 0).value));
}

TEST(Detection, ThresholdIsTheConformalQuantile) {
  const at::Tensor normal = at::arange(1, 20, at::kDouble);  // 19 scores
  EXPECT_DOUBLE_EQ(conformal_threshold(normal, 0.1), 18);    // ceil(0.9 * 20)
  EXPECT_DOUBLE_EQ(conformal_threshold(normal, 0.05), 19);
  EXPECT_THAT(refusal([&] { conformal_threshold(normal, 0.04); }), HasSubstr("hold out at least 24, or allow 0.05"));
  EXPECT_TRUE(at::allclose(conformal_p_values(normal, row({5.5, 0, 19, 20})), row({0.75, 1, 0.1, 0.05})));
}

TEST(Detection, FalseAlarmsAreAsManyAsPromisedWhateverTheDistribution) {
  Rng rng(2, "scores");
  double alarms = 0;
  constexpr int kDraws = 4000;
  for (int i = 0; i < kDraws; ++i) {  // 19 to calibrate on and one to judge, of a skewed distribution
    const at::Tensor scores = rng.normal({20}).exp().to(at::kDouble);
    alarms += scores[19].item<double>() > conformal_threshold(scores.slice(0, 0, 19), 0.1);
  }
  EXPECT_NEAR(alarms / kDraws, 0.1, 0.015);  // (20 - 18) / 20; three standard errors
}

TEST(Mixture, DensityAgreesWithScikitLearn) {
  const GaussianMixture m{fixed("mixture_weight"), fixed("mixture_mean"), fixed("mixture_factor")};
  EXPECT_TRUE(at::allclose(mixture_log_prob(m, fixed("points")), fixed("log_prob"), 1e-10, 1e-10));
}

TEST(Mixture, FindsTheGaussiansThatMadeTheData) {
  Rng rng(3, "points");
  const at::Tensor near = rng.normal({3000, 2}).to(at::kDouble) * 0.5;
  const at::Tensor far = rng.normal({1000, 2}).to(at::kDouble) + at::tensor({6.0, 6.0}, at::kDouble);
  const GaussianMixture m = fit_mixture(at::cat({near, far}), 2, rng);
  const int64_t large = m.weight.argmax().item<int64_t>();
  EXPECT_NEAR(m.weight[large].item<double>(), 0.75, 0.01);
  EXPECT_LT(m.mean[large].abs().max().item<double>(), 0.05);
  EXPECT_LT((m.mean[1 - large] - 6).abs().max().item<double>(), 0.15);
  EXPECT_NEAR(m.factor[large][0][0].item<double>(), 0.5, 0.03);
  EXPECT_NEAR(m.factor[1 - large][0][0].item<double>(), 1, 0.1);
}

TEST(Detection, PerfectSeparationOfAFewIsNoCertainty) {
  const at::Tensor score = at::arange(25, at::kDouble), anomalous = score >= 20;
  for (const Share& s : {auroc(score, anomalous), average_precision(score, anomalous)}) {
    EXPECT_EQ(s.value, 1);
    EXPECT_EQ(s.high, 1);
    EXPECT_NEAR(s.low, 5 / (5 + 1.959964 * 1.959964), 1e-3);  // Wilson's, of 5 out of 5
  }
}

}  // namespace
}  // namespace obverse
