#include "obverse/apps/edit.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "obverse/core/error.h"
#include "tests/infer/models_for_tests.h"

namespace obverse {
namespace {

TEST(Paths, BeginAndEndWhereTheyShould) {
  Rng rng(0);
  const at::Tensor a = rng.normal({2, 3}), b = rng.normal({2, 3});
  for (const auto path : {linear_path, spherical_path}) {
    const at::Tensor codes = path(a, b, 5);
    EXPECT_EQ(codes.sizes(), (std::vector<int64_t>{5, 2, 3}));
    EXPECT_TRUE(at::allclose(codes[0], a, 1e-5, 1e-6) && at::allclose(codes[4], b, 1e-5, 1e-6));
  }
}

TEST(Paths, TheArcKeepsTheLengthAndTurnsEvenly) {
  const at::Tensor a = at::tensor({2.f, 0.f}), b = at::tensor({0.f, 4.f}), codes = spherical_path(a, b, 3);
  EXPECT_TRUE(at::allclose(codes[1], at::tensor({1.f, 1.f}) * (3 / std::sqrt(2.f))));
  EXPECT_TRUE(at::allclose(linear_path(a, b, 3)[1], at::tensor({1.f, 2.f})));
}

TEST(Paths, BetweenOppositeCodesGoStraight) {
  const at::Tensor a = at::tensor({1.f, 0.f});
  EXPECT_TRUE(spherical_path(a, -a, 3).isfinite().all().item<bool>());
  EXPECT_TRUE(at::allclose(spherical_path(a, a, 3)[1], a));
}

TEST(Styles, OfSomeLayersComeFromTheOther) {
  const at::Tensor a = at::zeros({1, 4, 2}), b = at::ones({1, 4, 2}), mixed = mix_styles(a, b, 1, 2);
  EXPECT_TRUE(mixed.sum(2).equal(at::tensor({0.f, 2.f, 2.f, 0.f}).view({1, 4})));
  EXPECT_THROW(mix_styles(a, b, 2, 4), UserError);
  EXPECT_THROW(mix_styles(a, b, 2, 1), UserError);
}

// Any x can be made by this model: under the mask it is what was asked for, beside it the original to the bit.
TEST(LocalEdits, ChangeNothingBesideTheMask) {
  LinearModel model(6, 6);
  Rng rng(1);
  const at::Tensor x = rng.normal({3, 6}), code = rng.normal({3, 6});
  const at::Tensor mask = at::tensor({0.f, 0.f, 0.f, 1.f, 1.f, 1.f}).view({1, 6});
  OptimiseOptions options;
  const LocalEdit edit = edit_locally(model, x, code, {}, mask, options, rng);
  EXPECT_TRUE(edit.x.slice(1, 0, 3).equal(x.slice(1, 0, 3)));
  EXPECT_TRUE(at::allclose(edit.x.slice(1, 3), model.decode(code, {}).slice(1, 3), 1e-3, 1e-3));
  EXPECT_TRUE(at::allclose(model.decode(edit.code, {}), edit.x, 1e-2, 1e-2));
}

TEST(Codes, StayWithinAUniformPrior) {
  class Uniform : public LinearModel {
   public:
    using LinearModel::LinearModel;
    std::vector<LatentSpace> spaces() const override { return {{"z", {2}, "uniform"}}; }
  } uniform(2, 3);
  LinearModel normal(2, 3);
  const at::Tensor code = at::tensor({-1.5f, 0.5f}).view({1, 2});
  EXPECT_TRUE(at::equal(within_prior(uniform, code), at::tensor({-1.f, 0.5f}).view({1, 2})));
  EXPECT_TRUE(at::equal(within_prior(normal, code), code));
}

}  // namespace
}  // namespace obverse
