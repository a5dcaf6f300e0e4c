#include "obverse/infer/optimise.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "models_for_tests.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/infer/search.h"
#include "tests/refusal.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;

OptimiseOptions long_search() {
  OptimiseOptions options;
  options.steps = 600;
  options.restarts = 1;
  options.pool = 1;
  options.patience = 0;
  return options;
}

Optimised search(LatentModel& model, const at::Tensor& x, const OptimiseOptions& options, const at::Tensor& y = {}) {
  Rng rng(1, "search");
  return optimise(model, x, draw_starts(model, x, y, options, rng), options, rng);
}

class Descent : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Every, Descent, ::testing::ValuesIn(names(descent_table())));

TEST_P(Descent, ReachesTheLeastSquaresCodeOfALinearDecoder) {
  LinearModel model(8, 20);
  Rng rng(2);
  const at::Tensor x = rng.normal({5, 20});  // not in the decoder's range
  OptimiseOptions options = long_search();
  options.descent = GetParam();
  const Optimised found = search(model, x, options);
  EXPECT_LT((found.code - model.most_probable(x, 0)).abs().max().item<double>(), 1e-3);
}

TEST_P(Descent, FindsTheMostProbableCodeUnderThePriorWhichIsShorter) {
  LinearModel model(8, 20);
  Rng rng(2);
  const at::Tensor x = rng.normal({5, 20});
  OptimiseOptions options = long_search();
  options.descent = GetParam();
  options.prior_weight = 10;
  const Optimised found = search(model, x, options);
  EXPECT_LT((found.code - model.most_probable(x, 10)).abs().max().item<double>(), 1e-3);
  EXPECT_LT(found.code.norm().item<double>(), model.most_probable(x, 0).norm().item<double>());
}

TEST(Optimise, WeighsFeaturesRelativeToTheTarget) {
  LinearModel model(2, 4);  // its features are 3 x
  const at::Tensor x = at::ones({1, 4}), z = at::zeros({1, 2});
  OptimiseOptions options = long_search();
  options.steps = 0;
  options.feature_weight = 2;
  Rng rng(0);
  const at::Tensor off = model.decode(z, {}) - x;
  const Optimised found = optimise(model, x, {z, {}, at::zeros({1}, at::kLong)}, options, rng);
  const double square = off.square().sum().item<double>();
  EXPECT_NEAR(found.loss.item<double>(), square / 4 + 2 * square / 4, 1e-5);
}

TEST(Optimise, GoesByTheFeaturesOfANetworkAloneWhenPixelsHaveNoWeight) {
  LinearModel model(2, 4);
  const at::Tensor x = at::full({1, 4}, 2.0), z = at::zeros({1, 2});
  OptimiseOptions options = long_search();
  options.steps = 0;
  options.pixel_weight = 0;
  options.feature_weight = 2;
  options.feature_network = "coordinates";  // f(x) = x
  Rng rng(0);
  const Starts starts{z, {}, at::zeros({1}, at::kLong)};
  const double square = (model.decode(z, {}) - x).square().sum().item<double>();
  EXPECT_NEAR(optimise(model, x, starts, options, rng).loss.item<double>(), 2 * square / 16, 1e-5);
  options.steps = 200;
  EXPECT_LT((search(model, x, options).code - model.most_probable(x, 0)).abs().max().item<double>(), 1e-3);
  options.feature_network = "nowhere.pt";
  EXPECT_THAT(refusal([&] { search(model, x, options); }), ::testing::HasSubstr("nowhere.pt"));
  options.feature_weight = 0;
  EXPECT_THAT(refusal([&] { search(model, x, options); }), ::testing::HasSubstr("nothing tells one code from another"));
}

TEST_P(Descent, StaysOnTheSphereAndFindsTheBestOfIt) {
  LinearModel model(3, 20);
  Rng rng(2);
  const at::Tensor x = 3 * rng.normal({4, 20});
  OptimiseOptions options = long_search();
  options.descent = GetParam();
  options.restarts = 8;
  options.sphere = true;
  const Optimised found = search(model, x, options);
  EXPECT_TRUE(at::allclose(found.code.norm(2, {1}), at::full({4}, std::sqrt(3.0)), 1e-5));
  const at::Tensor all = on_sphere(rng.normal({20000, 3}));
  for (int64_t i = 0; i < 4; ++i) {
    const double best = (model.decode(all, {}) - x[i]).square().mean(1).min().item<double>();
    EXPECT_LT(found.loss[i].item<double>(), best + 1e-4) << i;
  }
}

TEST_P(Descent, RecoversCodesUpToSignOfADecoderThatForgetsIt) {
  EvenModel model;
  Rng rng(3);
  const at::Tensor z = rng.normal({16, 4});
  OptimiseOptions options = long_search();
  options.descent = GetParam();
  options.restarts = 8;
  options.pool = 64;
  const Optimised found = search(model, model.decode(z, {}), options);
  // In squares: the decoder's slope vanishes where a number of z does, and with it what can be known of the number.
  EXPECT_LT((found.code.square() - z.square()).abs().max().item<double>(), 2e-3);
}

TEST_P(Descent, IsNeverWorseWithMoreRestarts) {
  EvenModel model;
  Rng rng(4);
  const at::Tensor x = model.decode(rng.normal({12, 4}), {}) + 0.3 * rng.normal({12, 10});
  OptimiseOptions options = long_search();
  options.descent = GetParam();
  options.pool = 32;
  options.steps = 60;
  options.prune = false;
  at::Tensor last;
  for (const int64_t restarts : {1, 2, 4, 8}) {
    options.restarts = restarts;
    const at::Tensor loss = search(model, x, options).loss;
    if (last.defined()) {
      EXPECT_TRUE((loss <= last + 1e-6).all().item<bool>()) << restarts;
    }
    last = loss;
  }
}

TEST_P(Descent, PruningCostsLessAndHardlyLosesAnything) {
  EvenModel model;
  Rng rng(5);
  const at::Tensor x = model.decode(rng.normal({32, 4}), {});
  OptimiseOptions options = long_search();
  options.descent = GetParam();
  options.restarts = 8;
  options.pool = 32;
  options.prune = false;
  model.decoded = 0;
  const double all = search(model, x, options).loss.mean().item<double>();
  const int64_t dear = model.decoded;
  options.prune = true;
  model.decoded = 0;
  const double pruned = search(model, x, options).loss.mean().item<double>();
  EXPECT_LT(model.decoded, dear / 3);
  EXPECT_LT(pruned, all + 1e-3);
}

TEST_P(Descent, StopsEarlyWhenEveryImageHasConverged) {
  LinearModel model(8, 20);
  Rng rng(2);
  OptimiseOptions options = long_search();
  options.descent = GetParam();
  options.steps = 5000;
  options.patience = 20;
  const at::Tensor x = rng.normal({5, 20});
  const Optimised found = search(model, x, options);
  EXPECT_LT(found.steps.max().item<int64_t>(), 5000);
  EXPECT_LT((found.code - model.most_probable(x, 0)).abs().max().item<double>(), 1e-2);
}

TEST_P(Descent, GivesAnImageTheSameCodeInAnyBatch) {
  LinearModel model(8, 20);
  Rng rng(6), a(0), b(0);
  const at::Tensor x = rng.normal({7, 20}), z = rng.normal({7, 8});
  OptimiseOptions options = long_search();
  options.descent = GetParam();
  options.steps = 20;
  const Optimised together = optimise(model, x, {z, {}, at::arange(7)}, options, a);
  const Optimised alone =
      optimise(model, x.slice(0, 3, 4), {z.slice(0, 3, 4), {}, at::zeros({1}, at::kLong)}, options, b);
  // Products of one row and of many round differently, and a minimum is flat to half the digits of a float.
  EXPECT_LT((together.code[3] - alone.code[0]).abs().max().item<double>(), 1e-3);
}

TEST_P(Descent, FindsTheClassOfAnImageWhenItIsNotGiven) {
  ClassModel model(5);
  Rng rng(7);
  const at::Tensor z = rng.normal({20, 3}), y = at::arange(20).remainder(5);
  OptimiseOptions options = long_search();
  options.descent = GetParam();
  options.pool = 50;
  options.steps = 200;
  const at::Tensor x = model.decode(z, y);
  EXPECT_TRUE(search(model, x, options).y.equal(y));
  EXPECT_TRUE(search(model, x, options, y).y.equal(y));
}

TEST_P(Descent, TakesOneImageAlone) {
  ClassModel model(3);
  Rng rng(4);
  const at::Tensor x = model.decode(rng.normal({1, 3}), at::ones({1}, at::kLong));
  OptimiseOptions options;
  options.descent = GetParam();
  EXPECT_EQ(search(model, x, options).y.item<int64_t>(), 1);
}

TEST(Optimise, StartsFromTheNearestCodesOfThePool) {
  LinearModel model(3, 6);
  Rng rng(8), again(9), pool(9);
  const at::Tensor x = rng.normal({4, 6});
  OptimiseOptions options;
  options.restarts = 2;
  options.pool = 50;
  const Starts starts = draw_starts(model, x, {}, options, again);
  const at::Tensor codes = pool.normal({50, 3}), distance = at::cdist(x, model.decode(codes, {}));
  EXPECT_TRUE(starts.code.equal(codes.index_select(0, std::get<1>(distance.topk(2, 1, false)).flatten())));
  EXPECT_TRUE(starts.image.equal(at::tensor({0, 0, 1, 1, 2, 2, 3, 3}, at::kLong)));
}

TEST(Optimise, KnowsTheCurvatureOfALinearDecoder) {
  LinearModel model(8, 20);
  Rng rng(2);
  const at::Tensor x = rng.normal({5, 20});
  OptimiseOptions options = long_search();
  options.steps = 15;
  const Optimised with = search(model, x, options);
  EXPECT_LT((with.code - model.most_probable(x, 0)).abs().max().item<double>(), 1e-3);
  options.curvature_every = 0;
  EXPECT_TRUE((with.loss <= search(model, x, options).loss + 1e-6).all().item<bool>());
}

// Decodes with an error of bfloat16's size when asked to.
class RoughModel : public LinearModel {
 public:
  using LinearModel::LinearModel;
  at::Tensor decode(const at::Tensor& code, const at::Tensor& y) override {
    ++(roughly ? rough_calls : close_calls);
    const at::Tensor x = LinearModel::decode(code, y);
    return roughly ? x * (1 + 0.004 * at::cos(1000 * x.detach())) : x;
  }
  bool decode_roughly(bool on) override { return roughly = on, true; }
  bool roughly = false;
  int64_t rough_calls = 0, close_calls = 0;
};

TEST(Optimise, ARoughBeginningEndsWhereACloseOneDoes) {
  RoughModel model(8, 20);
  Rng rng(2);
  const at::Tensor x = rng.normal({5, 20});
  OptimiseOptions options = long_search();
  options.steps = 20;
  const Optimised found = search(model, x, options);
  EXPECT_LT((found.code - model.most_probable(x, 0)).abs().max().item<double>(), 1e-3);
  EXPECT_TRUE(at::allclose(found.loss, (model.decode(found.code, {}) - x).square().mean(1)));  // measured closely
  EXPECT_EQ(model.rough_calls, 1 + options.rough_steps);
  options.steps = 6;
  model.rough_calls = 0;
  search(model, x, options);
  EXPECT_EQ(model.rough_calls, 1 + options.steps / 2);
}

TEST(Optimise, RefusesToClipWhereTheDescentDoesNot) {
  LinearModel model(2, 4);
  OptimiseOptions options;
  options.clip = 1;
  EXPECT_THROW(search(model, at::zeros({1, 4}), options), UserError);
}

TEST(Optimise, DrawsNumbersBeyondTheClipAfresh) {
  LinearModel model(4, 8);
  OptimiseOptions options = long_search();
  options.steps = 50;
  options.clip = 1.5;
  options.descent = "adam";
  const at::Tensor x = 20 * at::ones({3, 8});  // far outside of what codes of the prior give
  Rng rng(1);
  const Optimised found = optimise(model, x, {at::zeros({3, 4}), {}, at::arange(3)}, options, rng);
  EXPECT_LT(found.code.abs().max().item<double>(), 5);  // a fresh draw is hardly ever beyond 5
}

TEST_P(Descent, StopsWhenToldToWithTheCodesFoundSoFar) {
  LinearModel model(4, 8);
  Rng rng(1);
  OptimiseOptions options = long_search();
  options.descent = GetParam();
  const at::Tensor x = rng.normal({3, 8});
  int calls = 0;
  double last = 0;
  const Optimised found = optimise(model, x, draw_starts(model, x, {}, options, rng), options, rng, [&](double share) {
    const double before = last;
    last = share;
    EXPECT_GT(share, before);
    EXPECT_LT(share, before + 0.1);
    return ++calls < 2;
  });
  EXPECT_EQ(found.steps.max().item<int64_t>(), std::llround(last * static_cast<double>(options.steps)));
  EXPECT_TRUE(found.loss.isfinite().all().item<bool>());
}

TEST(Optimise, AsksForTheDiscriminatorThatFeaturesNeed) {
  EvenModel model;
  model.name = "m.safetensors";
  OptimiseOptions options = long_search();
  options.feature_weight = 1;
  EXPECT_THAT(refusal([&] { search(model, at::zeros({1, 10}), options); }), ::testing::HasSubstr("m.safetensors"));
}

TEST(Optimise, RefusesWhatOnlyANormalPriorHas) {
  struct : EvenModel {
    std::vector<LatentSpace> spaces() const override {
      std::vector<LatentSpace> result = EvenModel::spaces();
      result.front().prior = "uniform";
      return result;
    }
  } model;
  OptimiseOptions options = long_search();
  options.sphere = true;
  EXPECT_THAT(refusal([&] { search(model, at::zeros({1, 10}), options); }), ::testing::HasSubstr("no usual length"));
  options.sphere = false;
  options.prior_weight = 1;
  EXPECT_THAT(refusal([&] { search(model, at::zeros({1, 10}), options); }), ::testing::HasSubstr("as likely"));
}

/// x = tanh(2 z), codes uniform in [-1, 1].
class UniformModel : public FormulaModel {
 public:
  UniformModel() : FormulaModel(8, 8) {}
  std::vector<LatentSpace> spaces() const override { return {{"z", {8}, "uniform"}}; }
  at::Tensor decode(const at::Tensor& z, const at::Tensor&) override { return at::tanh(2 * z).mm(mix_); }

 private:
  at::Tensor mix_ = Rng(2, "mix").normal({8, 8});
};

// A number of a code that has gone beyond the prior's bound comes back when that is better.
TEST_P(Descent, ComesBackFromTheBoundOfAUniformPrior) {
  UniformModel model;
  Rng rng(1);
  const at::Tensor code = 1.6 * rng.uniform({40, 8}) - 0.8, x = model.decode(code, {});
  OptimiseOptions options;
  options.descent = GetParam();
  options.steps = 300;
  options.restarts = 1;
  options.pool = 1;
  options.lr = 0.3;  // wide first steps
  const Optimised found = optimise(model, x, draw_starts(model, x, {}, options, rng), options, rng);
  EXPECT_LE(found.code.abs().max().item<double>(), 1);
  EXPECT_GT((found.loss < 1e-3).to(at::kDouble).mean().item<double>(), 0.8) << found.loss;
}

TEST(Optimise, AModelWithoutGradientIsRefused) {
  class Fixed : public LinearModel {
   public:
    using LinearModel::LinearModel;
    bool differentiable() const override { return false; }
  } model(2, 3);
  Rng rng(1);
  OptimiseOptions options;
  const Starts starts{at::zeros({1, 2}), {}, at::zeros({1}, at::kLong)};
  EXPECT_THAT(refusal([&] {
                optimise(model, at::zeros({1, 3}), starts, options, rng);
              }),
              ::testing::HasSubstr("no gradient"));
}

}  // namespace
}  // namespace obverse
