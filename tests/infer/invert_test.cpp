#include "obverse/infer/invert.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <chrono>
#include <cmath>
#include <thread>

#include "models_for_tests.h"
#include "tests/io/refused.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;
using ::testing::HasSubstr;

InvertOptions options_for(const std::string& method) {
  InvertOptions options;
  options.method = method;
  options.optimise.steps = 300;
  options.optimise.pool = 32;
  return options;
}

TEST(Invert, EveryMethodTakesTheModelsOwnSamplesBackToTheirCodes) {
  LinearModel model(6, 20);
  Rng rng(1);
  const at::Tensor z = rng.normal({10, 6}), x = model.decode(z, {});
  for (const InvertMethod& method : invert_table()) {
    const Inversion found = invert(model, x, {}, options_for(method.name), rng);
    EXPECT_LT(code_distance(found.code, z).max().item<double>(), 1e-2) << method.name;
    EXPECT_LT(found.mse.max().item<double>(), 1e-3) << method.name;
    EXPECT_LT(found.feature_error.max().item<double>(), 1e-3) << method.name;
    EXPECT_GT(found.seconds.min().item<double>(), 0) << method.name;
  }
}

TEST(Invert, ErrorsAreThoseOfTheReconstruction) {
  LinearModel model(2, 3);
  Rng rng(1);
  const at::Tensor x = rng.normal({4, 3});  // a plane does not hold it
  const Inversion found = invert(model, x, {}, options_for("encode"), rng);
  EXPECT_TRUE(found.reconstruction.allclose(model.decode(found.code, {}), 1e-5, 1e-5));
  EXPECT_TRUE(found.mse.allclose((found.reconstruction - x).square().mean(1)));
  EXPECT_TRUE(found.psnr.allclose(10 * (4 / found.mse).log10()));
  EXPECT_TRUE(found.feature_error.allclose((found.reconstruction - x).square().sum(1) / x.square().sum(1)));
  EXPECT_EQ(found.steps.sum().item<int64_t>(), 0);
}

TEST(Invert, EncodesWithEachClassWhenTheClassIsNotGiven) {
  ClassModel model(4);
  Rng rng(2);
  const at::Tensor y = at::arange(12).remainder(4), x = model.decode(rng.normal({12, 3}), y);
  for (const char* method : {"encode", "hybrid"}) {
    const Inversion found = invert(model, x, {}, options_for(method), rng);
    EXPECT_TRUE(found.y.equal(y)) << method;
    EXPECT_LT(found.mse.max().item<double>(), 1e-6) << method;
  }
}

TEST(Invert, IgnoresLabelsOfAnUnconditionalModel) {
  LinearModel model(2, 3);
  Rng rng(1);
  const Inversion found = invert(model, rng.normal({4, 3}), at::arange(4), options_for("optimise"), rng);
  EXPECT_FALSE(found.y.defined());
}

TEST(Invert, SaysThatTheModelHasNoEncoder) {
  EvenModel model;
  model.name = "m.safetensors";
  Rng rng(1);
  EXPECT_THAT(refusal([&] {
                invert(model, at::zeros({1, 10}), {}, options_for("hybrid"), rng);
              }),
              ::testing::AllOf(::testing::HasSubstr("m.safetensors has no encoder"), ::testing::HasSubstr("optimise")));
}

TEST(Invert, CodeDistanceIsPerNumber) {
  EXPECT_FLOAT_EQ(code_distance(at::zeros({1, 4}), at::full({1, 4}, 0.5)).item<float>(), 0.5);
}

class ExactModel : public LinearModel {
 public:
  ExactModel() : LinearModel(3, 3) {}
  bool invertible() const override { return true; }
};

class NoEncoder : public LinearModel {
 public:
  NoEncoder() : LinearModel(3, 5) {}
  bool can_encode() const override { return false; }
};

TEST(Invert, AutoTakesWhatSuitsTheModel) {
  Rng rng(1);
  ExactModel exact;
  LinearModel encoded(3, 5);
  NoEncoder plain;
  const auto taken = [&](LatentModel& model) {
    return invert(model, sample(model, 2, rng).x, {}, options_for("auto"), rng).method;
  };
  EXPECT_EQ(taken(exact), "encode");
  EXPECT_EQ(taken(encoded), "hybrid");
  EXPECT_EQ(taken(plain), "optimise");
}

class Steps : public ExactModel {
 public:
  bool differentiable() const override { return false; }
};

TEST(Invert, DescentNeedsAGradient) {
  Steps model;
  EXPECT_THAT(testing::refusal([&] { choose_method(model, "hybrid"); }), HasSubstr("--method encode"));
  EXPECT_EQ(choose_method(model, "auto").name, "encode");
}

// Each decoding takes a millisecond at least.
class SlowModel : public NoEncoder {
 public:
  at::Tensor decode(const at::Tensor& z, const at::Tensor& y) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return NoEncoder::decode(z, y);
  }
};

TEST(Invert, ABudgetEndsTheSearchAndOneTooSmallToStartIsRefused) {
  SlowModel model;
  Rng rng(1);
  const at::Tensor x = rng.normal({4, 5});
  InvertOptions options = options_for("optimise");
  options.optimise.steps = 100000;
  options.optimise.patience = 0;
  options.budget_ms = 100;
  const auto start = std::chrono::steady_clock::now();
  const Inversion found = invert(model, x, {}, options, rng);
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  EXPECT_LT(spent.count(), 5);  // 0.4 s are allowed; the machine may be busy
  EXPECT_GT(found.steps.max().item<int64_t>(), 0);
  EXPECT_LT(found.steps.max().item<int64_t>(), 1000);
  options.budget_ms = 0.01;
  EXPECT_THAT(testing::refusal([&] { invert(model, x, {}, options, rng); }), HasSubstr("choosing where to start took"));
}

TEST(Invert, SamplesOfAnotherShapeOrNotFiniteAreRefused) {
  LinearModel model(2, 3);
  Rng rng(1);
  const auto message = [&](const at::Tensor& x) {
    return testing::refusal([&] { invert(model, x, {}, options_for("encode"), rng); });
  };
  EXPECT_THAT(message(at::zeros({2, 4})), HasSubstr("another shape"));
  EXPECT_THAT(message(at::full({2, 3}, std::nan(""))), HasSubstr("NaN"));
}

// Samples of G(z) = A z + b fill a plane: points of the plane are within reach, points far above it are not.
TEST(Invert, ReachTellsWhatAModelCanMakeFromWhatItCannot) {
  LinearModel model(2, 30);
  Rng rng(1);
  const double far = reach(model, rng);
  const at::Tensor inside = sample(model, 50, rng).x, outside = inside + 10 * rng.normal({50, 30});
  EXPECT_LT(invert(model, inside, {}, options_for("encode"), rng).mse.max().item<double>(), far);
  EXPECT_GT(invert(model, outside, {}, options_for("encode"), rng).mse.min().item<double>(), far);
}

}  // namespace
}  // namespace obverse
