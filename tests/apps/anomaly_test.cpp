#include "obverse/apps/anomaly.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "obverse/apps/anomaly_figures.h"
#include "obverse/apps/detection.h"
#include "obverse/apps/neighbour_distance.h"
#include "obverse/apps/oriented_features.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/models/code_distribution.h"
#include "tests/infer/models_for_tests.h"
#include "tests/refusal.h"
#include "tests/row_name.h"
#include "tests/temporary_folder.h"

namespace obverse {
namespace {

using ::testing::HasSubstr;
using testing::refusal;
using testing::TemporaryFolder;

// Images of 8 x 8 whose first 4 directions of an orthonormal basis are normal; everything that a score may ask for.
class PlaneOfImages : public LatentModel {
 public:
  PlaneOfImages() {
    domain_.shape = {1, 8, 8};
    Rng rng(5, "basis");
    basis_ = std::get<0>(at::linalg_qr(rng.normal({64, 64}))).slice(1, 0, 4);  // [64, 4]
    name = "plane";
    hash = "abc";
  }
  const Domain& domain() const override { return domain_; }
  std::vector<LatentSpace> spaces() const override { return {{"z", {4}}}; }
  at::Tensor decode(const at::Tensor& z, const at::Tensor&) override {
    return at::mm(0.3 * z, basis_.t()).view({-1, 1, 8, 8});
  }
  bool can_encode() const override { return true; }
  at::Tensor encode(const at::Tensor& x, const at::Tensor&) override { return at::mm(x.flatten(1), basis_) / 0.3; }
  CodeDistribution infer(const at::Tensor& x, const at::Tensor& y) override {
    const at::Tensor mean = encode(x, y);
    return {mean, at::full_like(mean, -2)};
  }
  bool has_features() const override { return true; }
  at::Tensor features(const at::Tensor& x) override { return 2 * x.flatten(1); }
  bool has_pair_features() const override { return true; }
  at::Tensor pair_features(const at::Tensor& x, const at::Tensor& z) override { return at::cat({x.flatten(1), z}, 1); }
  bool has_observation() const override { return true; }
  at::Tensor log_observation(const at::Tensor& x, const at::Tensor& z, const at::Tensor& y) override {
    return -50 * (x - decode(z, y)).square().flatten(1).sum(1);
  }
  Likelihood likelihood() const override { return Likelihood::lower_bound; }
  at::Tensor log_prob(const at::Tensor& x, const at::Tensor& y, int64_t, Rng&) override {
    const at::Tensor z = encode(x, y);
    return log_observation(x, z, y) + standard_normal_log_prob(z);
  }
  at::Tensor normal(int64_t n, Rng& rng) { return decode(rng.normal({n, 4}), {}) + 0.01 * rng.normal({n, 1, 8, 8}); }
  at::Tensor strange(int64_t n, Rng& rng) { return 0.9 * rng.normal({n, 1, 8, 8}); }

 private:
  Domain domain_;
  at::Tensor basis_;
};

AnomalyOptions quick() {
  AnomalyOptions options;
  options.draws = 2;
  options.learning_steps = 100;
  options.optimise.steps = 20;
  options.optimise.restarts = 1;
  options.optimise.pool = 32;
  return options;
}

class EveryScore : public ::testing::TestWithParam<AnomalyRow> {};

TEST_P(EveryScore, TellsStrangeImagesAndIsTheSameFromAFile) {
  PlaneOfImages model;
  Rng rng(6, "images");
  const at::Tensor normal = model.normal(400, rng), held_out = model.normal(100, rng);
  const at::Tensor x = at::cat({model.normal(50, rng), model.strange(50, rng)});
  Detector detector = fit_detector(model, GetParam().name, quick(), normal, held_out, 0.05, rng);
  Rng first(7, "scores"), second(7, "scores");
  const AnomalyScores scores = score_samples(detector, model, x, first);
  ASSERT_EQ(scores.value.sizes(), (std::vector<int64_t>{100}));
  ASSERT_EQ(scores.value.scalar_type(), at::kDouble);
  if (scores.map.defined()) {
    EXPECT_EQ(scores.map.sizes(), (std::vector<int64_t>{100, 8, 8}));
  }
  const Detection d = judge_detection(scores.value, at::arange(100, at::kLong) >= 50, detector.threshold);
  EXPECT_GT(d.auroc.value, 0.9);
  EXPECT_LT(d.false_alarms.value, 0.25);
  const TemporaryFolder folder;
  write_detector(folder.file("d"), detector);
  const Detector read = read_detector(folder.file("d"));
  EXPECT_EQ(read.threshold, detector.threshold);
  EXPECT_TRUE(at::equal(score_samples(read, model, x, second).value, scores.value));
  detector.normal_scores[0] = std::nan("");
  write_detector(folder.file("d"), detector);
  EXPECT_THAT(refusal([&] { read_detector(folder.file("d")); }), HasSubstr("NaN"));
}

INSTANTIATE_TEST_SUITE_P(Table, EveryScore, ::testing::ValuesIn(anomaly_table()), RowName());

TEST(Anomaly, RefusesImagesTooSmallForHistogramsOfDirections) {
  EXPECT_THAT(refusal([] { oriented_features(at::zeros({3, 1, 2, 2})); }), HasSubstr("too small"));
  EXPECT_THAT(refusal([] { oriented_features(at::zeros({3, 1, 8, 128})); }), HasSubstr("too oblong"));
  EXPECT_EQ(oriented_features(at::zeros({3, 1, 4, 4})).size(0), 3);
}

TEST(Anomaly, ReconstructionErrorIsTheDistanceFromThePlane) {
  PlaneOfImages model;
  const at::Tensor on = model.decode(at::tensor({1.f, 0.f, -2.f, 0.5f}).view({1, 4}), {});
  at::Tensor off = Rng(8, "off").normal({1, 1, 8, 8});
  off = off - model.decode(model.encode(off, {}), {});  // at right angles to the plane
  AnomalyOptions options;
  Rng rng(0, "scores");
  const AnomalyTask task{model, options, rng};
  const double distance = off.square().mean().item<double>();
  EXPECT_NEAR(score_reconstruction(task, {}, on + off).value.item<double>(), distance, 1e-6);
  EXPECT_NEAR(score_f_anogan(task, {}, on + off).value.item<double>(), distance * (1 + 4), 1e-5);
  EXPECT_NEAR(score_egbad(task, {}, on + off).value.item<double>(), off.abs().sum().item<double>(), 1e-4);
  EXPECT_TRUE(at::allclose(score_reconstruction(task, {}, on + off).map, off.abs().squeeze(1), 1e-4, 1e-6));
}

TEST(Anomaly, TypicalityFindsWhatIsTooProbable) {
  PlaneOfImages model;
  AnomalyOptions options = quick();
  Rng rng(9, "scores");
  const AnomalyTask task{model, options, rng};
  const at::Tensor normal = model.normal(500, rng), mean = at::zeros({1, 1, 8, 8});
  const NamedTensors learned = learn_typicality(task, normal);
  const at::Tensor by_likelihood = score_likelihood(task, {}, normal).value;
  EXPECT_TRUE((by_likelihood > score_likelihood(task, {}, mean).value).all().item<bool>());  // the most probable image
  const double strangeness = score_typicality(task, learned, mean).value.item<double>();
  const at::Tensor others = score_typicality(task, learned, normal).value;
  EXPECT_GT((others < strangeness).to(at::kDouble).mean().item<double>(), 0.8);
  at::Tensor odd = normal.clone();  // one normal sample that is all but impossible
  odd[0] *= 1e6;
  const double moved = learn_typicality(task, odd)[0].second.item<double>();
  EXPECT_NEAR(moved, learned[0].second.item<double>(), 1);
}

TEST(Anomaly, NeighbourDistanceIsTheMeanOverTheNearest) {
  const at::Tensor normal = at::tensor({0.f, 3.f, 10.f}).view({3, 1}), x = at::tensor({1.f, 20.f}).view({2, 1});
  EXPECT_TRUE(at::allclose(neighbour_distance(x, normal, 2), at::tensor({1.5, 13.5}, at::kDouble)));
  EXPECT_TRUE(at::allclose(neighbour_distance(x, normal, 9), at::tensor({4.0, 47.0 / 3}, at::kDouble)));
}

TEST(Anomaly, OrientedFeaturesSeeADirectionAndNoContrast) {
  const at::Tensor ramp = at::linspace(-1, 1, 28).view({1, 1, 1, 28}).expand({1, 1, 28, 28});
  const at::Tensor across = oriented_features(ramp), down = oriented_features(ramp.transpose(2, 3));
  ASSERT_EQ(across.sizes(), (std::vector<int64_t>{1, 8, 9, 9}));
  const auto middle = [](const at::Tensor& f) { return f[0].select(1, 4).select(1, 4); };  // [8]
  EXPECT_EQ(middle(across).argmax().item<int64_t>(), 0);
  EXPECT_EQ(middle(down).argmax().item<int64_t>(), 2);  // a quarter turn: two of eight directions
  EXPECT_TRUE(at::allclose(middle(down), middle(across).roll(2), 1e-4, 1e-6));
  const at::Tensor flat = oriented_features(-at::ones({1, 1, 28, 28}));  // black, as beyond the border
  EXPECT_LT(flat.abs().max().item<double>(), 1e-6);
}

TEST(Anomaly, HeatIsRedWhereItIsStrange) {
  at::Tensor map = at::zeros({1, 2, 2});
  map[0][0][1] = 3;
  const at::Tensor heat = heat_images(at::ones({1, 1, 2, 2}), map, 2);
  EXPECT_TRUE(at::equal(heat[0].select(1, 0).select(1, 1), at::tensor({255, 64, 0}, at::kByte)));
  const at::Tensor calm = heat[0].select(1, 1).select(1, 1).to(at::kFloat);  // seven tenths of white: 178.5
  EXPECT_LE((calm - 178.5).abs().max().item<double>(), 0.5);
}

void expect_refused(const std::function<void()>& work, const std::string& what) {
  try {
    work();
    FAIL() << "nothing was said of: " << what;
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr(what));
    EXPECT_THAT(error.what(), ::testing::Not(HasSubstr("\n")));
  }
}

TEST(Anomaly, RefusesWhatCannotBeScored) {
  PlaneOfImages model;
  LinearModel points(2, 5);
  points.name = "points";
  Rng rng(10, "images");
  const at::Tensor normal = model.normal(50, rng), few = model.normal(5, rng), rows = rng.normal({50, 5});
  const auto fit = [&](LatentModel& m, const std::string& method, const at::Tensor& x, const at::Tensor& held_out) {
    return fit_detector(m, method, quick(), x, held_out, 0.05, rng);
  };
  expect_refused([&] { fit(points, "egbad", rows, rows); }, "a discriminator of pairs");
  expect_refused([&] { fit(points, "oriented", rows, rows); }, "needs images for data");
  expect_refused([&] { fit(model, "f-anogen", normal, normal); }, "did you mean 'f-anogan'");
  expect_refused([&] { fit(model, "reconstruction", normal, few); }, "hold out at least 19");
  expect_refused([&] { fit(model, "reconstruction", rows, rows); }, "the model is of 1x8x8 images");
  expect_refused([&] { fit(model, "reconstruction", normal, normal / 0); }, "not finite");
  ClassModel classes(3);
  expect_refused([&] { fit(classes, "reconstruction", rng.normal({50, 12}), rng.normal({50, 12})); }, "unconditional");
  Detector detector = fit(model, "reconstruction", normal, normal);
  PlaneOfImages other;
  other.hash = "other";
  expect_refused([&] { check_model(detector, other); }, "made for another model");
}

}  // namespace
}  // namespace obverse
