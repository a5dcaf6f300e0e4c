#include "obverse/metrics/path_length.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "linear_model.h"

namespace obverse {
namespace {

TEST(Slerp, GoesAlongTheCircleAtEqualSpeed) {
  const at::Tensor a = at::tensor({2.0, 0.0}).view({1, 2}), b = at::tensor({0.0, 4.0}).view({1, 2});
  const auto at_t = [&](double t) { return slerp(a, b, at::full({1}, t)); };
  EXPECT_TRUE(at::allclose(at_t(0), a, 0, 1e-6));
  EXPECT_TRUE(at::allclose(at_t(1), b, 0, 1e-6));
  EXPECT_TRUE(at::allclose(at_t(0.5), at::tensor({3.0, 3.0}).view({1, 2}) / std::sqrt(2.0), 0, 1e-6));
  EXPECT_TRUE(
      at::allclose(at_t(1.0 / 3), at::tensor({std::cos(M_PI / 6), std::sin(M_PI / 6)}).view({1, 2}) * 8 / 3, 0, 1e-6));
  EXPECT_TRUE(at::allclose(slerp(a, a, at::full({1}, 0.3)), a, 0, 1e-6));
}

TEST(PathLength, OfALinearModelIsThatOfTheArc) {
  // |d slerp / dt|^2 = angle^2 r^2 + (dr/dt)^2 with r linear in t; the model multiplies by 3. Its mean over t and
  // pairs, by as many draws again.
  constexpr int64_t kWidth = 8, kPairs = 20'000;
  LinearModel model(3 * at::eye(kWidth));
  Coordinates network(kWidth);
  Rng rng(1), other(2);
  const at::Tensor lengths = path_lengths(model, network, kPairs, rng);
  const at::Tensor a = other.normal({kPairs, kWidth}), b = other.normal({kPairs, kWidth});
  const at::Tensor p = a.norm(2, {1}), q = b.norm(2, {1}), angle = ((a * b).sum(1) / p / q).acos();
  const at::Tensor expected = 9 * (angle.square() * (p * p + p * q + q * q) / 3 + (q - p).square());
  const double error = std::sqrt(2.0 / kPairs) * expected.std().item<double>();
  EXPECT_NEAR(lengths.mean().item<double>(), expected.mean().item<double>(), 4 * error);
  EXPECT_EQ(lengths.size(0), kPairs);
}

// w = z A, x = w B: straight paths in w have the length |(w2 - w1) B|, wherever on them one looks.
class StyledLinearModel : public LinearModel {
 public:
  StyledLinearModel(const at::Tensor& map, const at::Tensor& synthesis)
      : LinearModel(map.mm(synthesis)), map_(map), synthesis_(synthesis) {}
  int64_t style_layers() const override { return 1; }
  at::Tensor map(const at::Tensor& code, const at::Tensor&) override { return code.mm(map_); }
  at::Tensor synthesise(const at::Tensor& w) override { return w.mm(synthesis_); }

 private:
  at::Tensor map_, synthesis_;
};

TEST(PathLength, InWIsThatOfTheStraightLine) {
  constexpr int64_t kWidth = 8, kPairs = 20'000;
  Rng weights(3), rng(1), other(2);
  const at::Tensor map = weights.normal({kWidth, kWidth}), synthesis = weights.normal({kWidth, kWidth});
  StyledLinearModel model(map, synthesis);
  Coordinates network(kWidth);
  const at::Tensor lengths = path_lengths(model, network, kPairs, rng, PathSpace::w);
  const at::Tensor line = (other.normal({kPairs, kWidth}) - other.normal({kPairs, kWidth})).mm(map).mm(synthesis);
  const at::Tensor expected = line.square().sum(1);
  const double error = std::sqrt(2.0 / kPairs) * expected.std().item<double>();
  EXPECT_NEAR(lengths.mean().item<double>(), expected.mean().item<double>(), 4 * error);
}

}  // namespace
}  // namespace obverse
