#include "obverse/apps/representation.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "obverse/apps/disentanglement.h"
#include "obverse/apps/maps.h"
#include "obverse/infer/probes.h"

namespace obverse {
namespace {

// 4,000 samples of two independent factors of 4 and 5 values.
FactorTable two_factors() {
  Rng rng(1, "factors");
  return {{"a", "b"}, {4, 5}, at::stack({rng.integers(4, {4000}), rng.integers(5, {4000})}, 1)};
}

TEST(Disentanglement, IsPerfectWhenEachNumberIsAFactor) {
  const FactorTable f = two_factors();
  Rng rng(2, "noise");
  const at::Tensor code = f.values.to(at::kFloat);
  EXPECT_NEAR(mutual_information_gap(code, f), 1, 0.01);  // the other number tells nothing, but for chance
  // Each factor is read without error, and by the other number as well as by guessing: 1 - 1/4 and 1 - 1/5.
  EXPECT_NEAR(attribute_predictability(code, f), (3.0 / 4 + 4.0 / 5) / 2, 0.03);
  EXPECT_DOUBLE_EQ(factor_vae_score(code, f, rng), 1);
  const Dci d = dci(code, f);
  EXPECT_NEAR(d.disentanglement, 1, 0.01);
  EXPECT_NEAR(d.completeness, 1, 0.01);
}

TEST(Disentanglement, DciReadsOneHotCodesInFull) {
  const FactorTable f = two_factors();
  const at::Tensor code = at::cat({at::one_hot(f.values.select(1, 0), 4), at::one_hot(f.values.select(1, 1), 5)}, 1);
  const Dci d = dci(code.to(at::kFloat), f);
  EXPECT_DOUBLE_EQ(d.informativeness, 1);
  EXPECT_NEAR(d.disentanglement, 1, 0.01);
}

TEST(Disentanglement, IsNothingForRandomCodes) {
  const FactorTable f = two_factors();
  Rng rng(3, "codes");
  const at::Tensor code = rng.normal({4000, 4});
  EXPECT_LT(mutual_information_gap(code, f), 0.02);
  EXPECT_LT(attribute_predictability(code, f), 0.05);
  EXPECT_LT(factor_vae_score(code, f, rng), 0.62);  // the commoner of two factors is right half the time
  EXPECT_LT(dci(code, f).informativeness, 0.1);
}

TEST(Disentanglement, FallsWhenTwoNumbersShareAFactor) {
  const FactorTable f = two_factors();
  const at::Tensor v = f.values.to(at::kFloat), a = v.select(1, 0), b = v.select(1, 1);
  const at::Tensor twice = at::stack({a, -a, b}, 1);  // the best two numbers for a tell the same: its gap is 0
  EXPECT_NEAR(mutual_information_gap(twice, f), 0.5, 0.01);
  const at::Tensor turned = at::stack({a + b, a - b}, 1);
  EXPECT_LT(dci(turned, f).disentanglement, 0.5);
}

TEST(Probes, TakeTheCommonestLabelAndOfTiesTheNearest) {
  const at::Tensor x = at::tensor({0.f, 1.f, 2.f, 10.f}).view({4, 1}), y = at::tensor({0, 1, 1, 0}, at::kLong);
  const at::Tensor test = at::tensor({0.1f, 9.f}).view({2, 1});
  EXPECT_TRUE(at::equal(neighbour_labels(x, y, 2, test, 1), nearest_labels(x, y, test)));
  EXPECT_TRUE(at::equal(neighbour_labels(x, y, 2, test, 2), at::tensor({0, 0}, at::kLong)));  // one vote each
  EXPECT_TRUE(at::equal(neighbour_labels(x, y, 2, test, 3), at::tensor({1, 1}, at::kLong)));
}

TEST(Probes, ReadSeparateClassesFromFewLabels) {
  Rng rng(4, "points");
  const at::Tensor y = at::arange(300, at::kLong) % 3;
  const at::Tensor x = 8 * at::one_hot(y, 3).to(at::kFloat) + rng.normal({300, 3});
  const Representation r{"points", x.slice(0, 0, 200), x.slice(0, 200)};
  ProbeOptions options;
  options.few = {9, 60, 100'000};
  options.draws = 3;
  const ProbeResult p = probe(r, y.slice(0, 0, 200), y.slice(0, 200), 3, options);
  EXPECT_EQ(p.width, 3);
  EXPECT_GT(p.nearest.value, 0.99);
  EXPECT_GT(p.neighbours.value, 0.99);
  EXPECT_GT(p.linear.value, 0.99);
  ASSERT_EQ(p.few.size(), 2u);  // there are no 100,000 labels
  EXPECT_GT(p.few[0].mean, 0.95);
}

TEST(Maps, PrincipalComponentsAreTheWidestDirections) {
  Rng rng(5, "points");
  const at::Tensor x = rng.normal({5000, 3}) * at::tensor({1.f, 5.f, 2.f}) + 7;
  const Principal p = principal_components(x, 2);
  EXPECT_TRUE(at::allclose(p.components.abs(), at::tensor({0.f, 0.f, 1.f, 0.f, 0.f, 1.f}).view({3, 2}), 0, 0.03));
  const at::Tensor plane = p.project(x);
  EXPECT_NEAR(plane.select(1, 0).std().item<double>(), 5, 0.2);
  EXPECT_NEAR(plane.mean().item<double>(), 0, 1e-3);
}

TEST(Maps, TsneKeepsGroupsTogetherAndApart) {
  Rng rng(6, "points");
  const at::Tensor y = at::arange(150, at::kLong) % 3;
  const at::Tensor x = 6 * at::one_hot(y, 10).to(at::kFloat) + rng.normal({150, 10});
  const at::Tensor plane = tsne(x, 450);
  ASSERT_EQ(plane.sizes(), (std::vector<int64_t>{150, 2}));
  const at::Tensor right = neighbour_labels(plane, y, 3, plane, 6) == y;
  EXPECT_GT(right.to(at::kDouble).mean().item<double>(), 0.98);
  const at::Tensor picture = draw_map(plane, y, 100);
  EXPECT_EQ(picture.sizes(), (std::vector<int64_t>{3, 100, 100}));
  EXPECT_GT((picture < 255).sum().item<int64_t>(), 500);
}

TEST(Shapes, AreDrawnByTheirFactors) {
  const at::Tensor red = draw_shape({0, 3, 0, 2, 2, 0}), moved = draw_shape({0, 3, 0, 3, 2, 0});
  EXPECT_TRUE(at::equal(red.slice(2, 0, 29), moved.slice(2, 3, 32)));  // a step of x is three pixels
  const at::Tensor turned = draw_shape({2, 3, 2, 2, 2, 0});            // a quarter turn about (16, 16)
  EXPECT_TRUE(at::equal(turned, draw_shape({2, 3, 0, 2, 2, 0}).rot90(-1, {1, 2})));
  const auto ink = [](const at::Tensor& picture) { return (picture[0] > 0).sum().item<int64_t>(); };
  EXPECT_GT(ink(red), ink(draw_shape({0, 0, 0, 2, 2, 0})));
  EXPECT_GT(red[0].max().item<int64_t>(), red[2].max().item<int64_t>());  // more red than blue
  const FactorTable train = shape_factors("train"), test = shape_factors("test");
  EXPECT_EQ(train.values.size(0), 20'000);
  EXPECT_EQ(test.values.size(0), 5'000);
  for (size_t k = 0; k < train.sizes.size(); ++k) {
    const at::Tensor counts = train.values.select(1, static_cast<int64_t>(k)).bincount({}, train.sizes[k]);
    EXPECT_NEAR(counts.min().item<double>() * static_cast<double>(train.sizes[k]) / 20'000, 1, 0.1);
  }
}

}  // namespace
}  // namespace obverse
