#include "obverse/losses/penalties.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <set>

#include "obverse/core/autograd.h"
#include "obverse/core/table.h"
#include "tests/finite_differences.h"
#include "tests/row_name.h"

namespace obverse {
namespace {

/// D(x) = w . x over all elements of a sample: its gradient is w everywhere.
at::Tensor linear_critic(const at::Tensor& x, const at::Tensor& w) { return (x * w).flatten(1).sum(1); }

/// A smooth critic of x [N, 2, 2] with 4 x 3 + 3 parameters packed in `p`.
at::Tensor smooth_critic(const at::Tensor& x, const at::Tensor& p) {
  const at::Tensor w = p.narrow(0, 0, 12).view({4, 3}), v = p.narrow(0, 12, 3);
  return at::mv(at::tanh(at::mm(x.flatten(1), w)), v);
}

/// Elements 2, 3, 6 over two channels: ||w|| = sqrt(4 + 9 + 36) = 7 over all of them, and less over either channel.
at::Tensor weight_of_norm_seven() {
  return at::tensor({2.0, 0.0, 0.0, 3.0, 0.0, 6.0, 0.0, 0.0}, at::kDouble).view({2, 2, 2});
}

struct Points {
  at::Tensor real, fake;
};
Points two_batches() {
  Rng rng(3);
  return {rng.normal({5, 2, 2, 2}).to(at::kDouble), rng.normal({5, 2, 2, 2}).to(at::kDouble)};
}

class EveryPenalty : public ::testing::TestWithParam<Penalty> {};

TEST_P(EveryPenalty, MeasuresALinearCriticByTheNormOverTheWholeSample) {
  const Penalty& penalty = GetParam();
  const auto [real, fake] = two_batches();
  Rng rng(4);
  const at::Tensor x = penalty.points(real, fake, rng).requires_grad_(true);
  const at::Tensor value = penalty.value(gradient(linear_critic(x, weight_of_norm_seven()), x, true));
  const bool one_centred = penalty.name == "wgan-gp" || penalty.name == "dragan";
  EXPECT_EQ(value.sizes(), at::IntArrayRef({5}));
  EXPECT_LT((value - (one_centred ? 36 : 49)).abs().max().item<double>(), 1e-10);  // (7 - 1)^2, 7^2
}

TEST_P(EveryPenalty, CarriesTheFactorOfItsPaper) {
  const bool half = GetParam().name == "r1" || GetParam().name == "r2";  // gamma / 2; lambda for the others
  EXPECT_EQ(GetParam().factor, half ? 0.5 : 1.0);
}

TEST_P(EveryPenalty, DifferentiatesAgainByHand) {
  const Penalty& penalty = GetParam();
  const auto [real, fake] = two_batches();
  Rng rng(4);
  const at::Tensor x = penalty.points(real, fake, rng).requires_grad_(true);
  const at::Tensor w = weight_of_norm_seven().requires_grad_(true);
  const at::Tensor slope = gradient(penalty.value(gradient(linear_critic(x, w), x, true)).mean(), w);
  // d ||w||^2 = 2 w;  d (||w|| - 1)^2 = 2 (||w|| - 1) w / ||w|| = 12 / 7 w
  const bool one_centred = penalty.name == "wgan-gp" || penalty.name == "dragan";
  EXPECT_LT((slope - w * (one_centred ? 12.0 / 7 : 2.0)).abs().max().item<double>(), 1e-10);
}

TEST_P(EveryPenalty, DifferentiatesAgainAsFiniteDifferencesDo) {
  const Penalty& penalty = GetParam();
  Rng rng(5);
  const at::Tensor real = rng.normal({3, 2, 2}).to(at::kDouble), fake = rng.normal({3, 2, 2}).to(at::kDouble);
  const at::Tensor points = penalty.points(real, fake, rng), parameters = rng.normal({15}).to(at::kDouble);
  const auto of_parameters = [&](const at::Tensor& p) {
    const at::Tensor x = points.detach().clone().requires_grad_(true);
    return penalty.value(gradient(smooth_critic(x, p), x, true));
  };
  expect_derivative(of_parameters, parameters);
}

TEST_P(EveryPenalty, TakesDetachedPointsOfTheRealShapeAndSaysWhetherItNeedsFakes) {
  const Penalty& penalty = GetParam();
  const auto [real, fake] = two_batches();
  Rng rng(4);
  const at::Tensor x = penalty.points(real, penalty.needs_fake ? fake.requires_grad_(true) : at::Tensor(), rng);
  EXPECT_EQ(x.sizes(), real.sizes());
  EXPECT_FALSE(x.requires_grad());
}

TEST_P(EveryPenalty, StaysFiniteWhereTheGradientVanishes) {
  const at::Tensor x = at::ones({2, 3}, at::kDouble).requires_grad_(true);
  const at::Tensor w = at::zeros({3}, at::kDouble).requires_grad_(true);
  const at::Tensor value = GetParam().value(gradient(linear_critic(x, w), x, true));
  EXPECT_TRUE(gradient(value, w).isfinite().all().item<bool>());
}

TEST(Interpolate, DrawsOneShareASampleAndCoversTheLine) {
  Rng rng(6);
  const at::Tensor share = interpolate(at::zeros({2000, 2, 3}), at::ones({2000, 2, 3}), rng).flatten(1);
  EXPECT_TRUE(at::equal(share, share.narrow(1, 0, 1).expand_as(share)));
  EXPECT_GE(share.min().item<double>(), 0);
  EXPECT_LT(share.max().item<double>(), 1);
  EXPECT_NEAR(share.mean().item<double>(), 0.5, 0.03);  // standard error of 2000 uniform draws: 0.0065
}

TEST(Perturb, StaysWithinHalfAStandardDeviationAbove) {
  Rng rng(7);
  const at::Tensor x = at::tensor({-3.0, 3.0}, at::kDouble).repeat({500, 1});  // standard deviation 3
  const at::Tensor moved = perturb(x, rng) - x;
  EXPECT_GE(moved.min().item<double>(), 0);
  EXPECT_LT(moved.max().item<double>(), 1.5);
  EXPECT_NEAR(moved.mean().item<double>(), 0.75, 0.06);
  EXPECT_GT(moved.std().item<double>(), 0.3);  // each element has its own draw
}

TEST(PenaltyTable, NamesEachPenaltyOnceAndItsSource) {
  std::set<std::string> seen;
  for (const Penalty& penalty : penalty_table()) {
    EXPECT_TRUE(seen.insert(penalty.name).second) << penalty.name;
    EXPECT_FALSE(penalty.source.empty()) << penalty.name;
  }
}

TEST(PenaltyTable, TakesR1OnRealAndR2OnGeneratedSamples) {
  const auto [real, fake] = two_batches();
  Rng rng(4);
  EXPECT_TRUE(at::equal(find_row(penalty_table(), "penalty", "r1").points(real, fake, rng), real));
  EXPECT_TRUE(at::equal(find_row(penalty_table(), "penalty", "r2").points(real, fake, rng), fake));
}

INSTANTIATE_TEST_SUITE_P(Table, EveryPenalty, ::testing::ValuesIn(penalty_table()), RowName());

}  // namespace

// How GoogleTest prints a row.
void PrintTo(const Penalty& penalty, std::ostream* out) { *out << penalty.name; }

}  // namespace obverse
