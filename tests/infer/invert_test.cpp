#include "obverse/infer/invert.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "models_for_tests.h"
#include "obverse/core/error.h"

namespace obverse {
namespace {

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
  try {
    invert(model, at::zeros({1, 10}), {}, options_for("hybrid"), rng);
    FAIL();
  } catch (const UserError& e) {
    EXPECT_THAT(e.what(),
                testing::AllOf(testing::HasSubstr("m.safetensors has no encoder"), testing::HasSubstr("optimise")));
  }
}

TEST(Invert, CodeDistanceIsPerNumber) {
  EXPECT_FLOAT_EQ(code_distance(at::zeros({1, 4}), at::full({1, 4}, 0.5)).item<float>(), 0.5);
}

}  // namespace
}  // namespace obverse
