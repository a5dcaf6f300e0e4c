#include "obverse/layers/augment.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <set>

#include "obverse/core/table.h"
#include "obverse/layers/warp.h"
#include "tests/finite_differences.h"
#include "tests/row_name.h"

namespace obverse {
namespace {

at::Tensor images(int64_t n, int64_t channels, int64_t height, int64_t width, uint64_t seed = 1) {
  return Rng(seed).normal({n, channels, height, width}).to(at::kDouble);
}

at::Tensor some_maps(int64_t n) {
  return at::eye(2, 3, at::kDouble).repeat({n, 1, 1}) + 0.4 * Rng(7).normal({n, 2, 3}).to(at::kDouble);
}

// LibTorch's own sampler, whose positions run from -1 to 1 between the outermost pixels' centres.
at::Tensor sampled(const at::Tensor& x, const at::Tensor& maps, Border border) {
  const double half_height = 0.5 * static_cast<double>(x.size(2) - 1);
  const double half_width = 0.5 * static_cast<double>(x.size(3) - 1);
  const at::Tensor rows = at::arange(x.size(2), at::kDouble) - half_height;
  const at::Tensor columns = at::arange(x.size(3), at::kDouble) - half_width;
  const auto grid = at::meshgrid({rows, columns}, "ij");
  const at::Tensor place = at::stack({grid[1], grid[0], at::ones_like(grid[0])}, 2);  // [H, W, 3]
  const at::Tensor found = at::einsum("nij,hwj->nhwi", {maps, place});                // [N, H, W, 2]
  const at::Tensor normalised = found / at::tensor({half_width, half_height}, at::kDouble);
  return at::grid_sampler(x, normalised, /*bilinear*/ 0, border == Border::zero ? 0 : 2, /*align_corners=*/true);
}

class Warp : public ::testing::TestWithParam<Border> {};

TEST_P(Warp, IsLibTorchsGridSampler) {
  const at::Tensor x = images(3, 2, 5, 7), maps = some_maps(3);
  maps.select(2, 2).copy_(3 * Rng(8).normal({3, 2}).to(at::kDouble));  // far beyond the border as well
  for (const at::Tensor& in : {x, x.contiguous(at::MemoryFormat::ChannelsLast)})
    EXPECT_LT((warp(in, maps, GetParam()) - sampled(x, maps, GetParam())).abs().max().item<double>(), 1e-12);
}

TEST_P(Warp, WithTheIdentityIsTheImageItself) {
  const at::Tensor x = images(2, 3, 4, 5).to(at::kFloat);
  EXPECT_TRUE(at::equal(warp(x, at::eye(2, 3, at::kDouble).repeat({2, 1, 1}), GetParam()), x));
}

TEST_P(Warp, HasTheDerivativesOfFiniteDifferencesTwice) {
  const at::Tensor maps = some_maps(1);
  const auto f = [&](const at::Tensor& x) { return warp(x.view({1, 2, 3, 4}), maps, GetParam()).flatten(); };
  const at::Tensor x = images(1, 2, 3, 4).flatten();
  expect_derivative(f, x);
  expect_second_derivative([&](const at::Tensor& y) { return f(y).tanh(); }, x);
}

// The gradient is the adjoint map, and the gradient of that is the map: the second derivative in the direction of the
// gradient that was put in.
TEST_P(Warp, ReachesTheGradientPutInTheSecondTime) {
  const at::Tensor maps = some_maps(2);
  const at::Tensor x = images(2, 1, 4, 4).requires_grad_(true), slope = images(2, 1, 4, 4, 3).requires_grad_(true);
  const at::Tensor back = gradient(warp(x, maps, GetParam()) * slope, x, /*create_graph=*/true);
  const at::Tensor direction = images(2, 1, 4, 4, 4);
  const at::Tensor again = gradient(back * direction, slope);
  EXPECT_LT((again - warp(direction, maps, GetParam())).abs().max().item<double>(), 1e-12);
}

INSTANTIATE_TEST_SUITE_P(Borders, Warp, ::testing::Values(Border::zero, Border::mirror));

at::Tensor (*find_augment(const std::string& name))(const at::Tensor&, Rng&) {
  return find_row(augment_table(), "augmentation", name).apply;
}

/// How far 2000 images were shifted to the right: their columns are numbered, and the middle of a row is looked at.
at::Tensor shift_of_ramp(const std::string& change, Rng& rng) {
  const at::Tensor ramp = at::arange(16, at::kFloat).view({1, 1, 1, 16}).expand({2000, 1, 16, 16}).contiguous();
  return find_augment(change)(ramp, rng).select(2, 8).select(2, 8).squeeze(1) - 8;
}

class EveryAugmentation : public ::testing::TestWithParam<AugmentRow> {};

TEST_P(EveryAugmentation, KeepsTheShapeAndChangesEachImageInItsOwnWay) {
  const at::Tensor x = images(1, 3, 9, 8).repeat({16, 1, 1, 1}).to(at::kFloat);
  Rng rng(2);
  const at::Tensor y = GetParam().apply(x, rng);
  EXPECT_EQ(y.sizes(), x.sizes());
  EXPECT_EQ(y.scalar_type(), at::kFloat);
  EXPECT_GT((y - x).abs().max().item<double>(), 0.1);
  EXPECT_GT((y - y.narrow(0, 0, 1)).abs().max().item<double>(), 0.1);
}

TEST_P(EveryAugmentation, HasTheDerivativesOfFiniteDifferencesTwice) {
  const auto f = [&](const at::Tensor& x) {
    Rng rng(5);  // the same change every time
    return GetParam().apply(x.view({2, 3, 4, 4}), rng).flatten().narrow(0, 20, 40);
  };
  const at::Tensor x = images(2, 3, 4, 4).flatten();
  expect_derivative(f, x);
  expect_second_derivative([&](const at::Tensor& y) { return f(y).tanh(); }, x);
}

INSTANTIATE_TEST_SUITE_P(Table, EveryAugmentation, ::testing::ValuesIn(augment_table()), RowName());

TEST(Augment, NamesEachOnceAndItsSource) {
  std::set<std::string> seen;
  for (const AugmentRow& row : augment_table()) {
    EXPECT_TRUE(seen.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.source.empty()) << row.name;
  }
}

// 16 wide: shifts of -2 .. 2, each by chance 1/5; a blank rectangle of 8 x 8 unless it reaches over the border.
TEST(Augment, ShiftsByWholePixelsAndCutsHalfTheSide) {
  const at::Tensor x = at::ones({2000, 1, 16, 16});
  Rng rng(3);
  const at::Tensor shifted = shift_of_ramp("translation", rng);
  const at::Tensor lost = (1 - find_augment("cutout")(x, rng)).sum({1, 2, 3});
  EXPECT_EQ(lost.max().item<double>(), 64);
  EXPECT_EQ(lost.min().item<double>(), 16);  // the rectangle's middle lies on a corner
  EXPECT_TRUE(at::equal(shifted, shifted.round()));
  EXPECT_EQ(shifted.max().item<double>(), 2);
  EXPECT_EQ(shifted.min().item<double>(), -2);
  for (int step = -2; step <= 2; ++step)
    EXPECT_NEAR((shifted == step).to(at::kFloat).mean().item<double>(), 0.2, 0.05) << step;
}

// No border comes in: what is blank stays blank, and the ramp is moved by no more than an eighth.
TEST(Augment, ShiftsWithoutDrawingABorder) {
  Rng rng(7);
  const at::Tensor blank = at::full({50, 1, 16, 16}, -1.0);
  EXPECT_TRUE(at::equal(find_augment("shift")(blank, rng), blank));
  EXPECT_FALSE(at::equal(find_augment("translation")(blank, rng), blank));
  const at::Tensor moved = shift_of_ramp("shift", rng);
  EXPECT_EQ(moved.abs().max().item<double>(), 2);
}

TEST(Augment, AppliesTheNamedInTurn) {
  const at::Tensor x = images(3, 1, 8, 8);
  Rng once(1), again(1);
  const at::Tensor expected = find_augment("shift")(find_augment("flip")(x, once), once);
  EXPECT_TRUE(at::equal(augmented(x, {"flip", "shift"}, again), expected));
  EXPECT_TRUE(at::equal(augmented(x, {}, again), x));
}

TEST(AdaptiveAugment, LeavesImagesAloneAtStrengthZero) {
  const at::Tensor x = images(4, 3, 8, 8).to(at::kFloat);
  Rng rng(1);
  EXPECT_TRUE(at::equal(adaptive_augment(x, 0, rng), x));
}

TEST(AdaptiveAugment, ChangesMoreImagesTheStrongerItIs) {
  const at::Tensor x = images(400, 3, 8, 8).to(at::kFloat);
  const auto changed = [&](double p) {
    Rng rng(1);
    const at::Tensor moved = (adaptive_augment(x, p, rng) - x).abs().amax({1, 2, 3}) > 1e-4;
    return moved.to(at::kFloat).mean().item<double>();
  };
  // Twelve independent transforms, of which a flip, a turn by 90 degrees and a luma flip do nothing in a half, a
  // quarter and a half of the cases: all are idle by chance (1 - p)^9 (1 - p / 2)^2 (1 - 3 p / 4), rotation counting
  // once.
  for (const double p : {0.02, 0.1}) {
    const double idle = std::pow(1 - p, 9) * std::pow(1 - p / 2, 2) * (1 - 0.75 * p);
    EXPECT_NEAR(changed(p), 1 - idle, 0.07) << p;
  }
  EXPECT_EQ(changed(1), 1);
}

TEST(AdaptiveAugment, HasTheDerivativesOfFiniteDifferencesTwice) {
  for (const int64_t channels : {1, 3}) {
    const auto f = [&](const at::Tensor& x) {
      Rng rng(9);
      return adaptive_augment(x.view({2, channels, 4, 5}), 0.8, rng).flatten().narrow(0, 5, 30);
    };
    const at::Tensor x = images(2, channels, 4, 5).flatten();
    expect_derivative(f, x);
    expect_second_derivative([&](const at::Tensor& y) { return f(y).tanh(); }, x);
  }
}

// A hue turn keeps grey grey; whatever the colours do, three equal channels stay equal.
TEST(AdaptiveAugment, KeepsGreyImagesGrey) {
  const at::Tensor grey = images(50, 1, 6, 6).repeat({1, 3, 1, 1});
  Rng rng(4);
  const at::Tensor y = adaptive_augment(grey, 1, rng);
  EXPECT_LT((y - y.mean(1, true)).abs().max().item<double>(), 1e-9);
}

}  // namespace

void PrintTo(const AugmentRow& row, std::ostream* out) { *out << row.name; }

}  // namespace obverse
