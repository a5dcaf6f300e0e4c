#include "obverse/losses/reconstruction.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace obverse {
namespace {

TEST(Reconstruction, MeanSquaredErrorAveragesOverASamplesElements) {
  const at::Tensor a = at::tensor({1.f, 2.f, 3.f, 4.f, 0.f, 0.f, 0.f, 0.f}).view({2, 1, 2, 2});
  const at::Tensor mse = mean_squared_error(a, at::zeros_like(a));
  EXPECT_FLOAT_EQ(mse[0].item<float>(), 30.f / 4);
  EXPECT_FLOAT_EQ(mse[1].item<float>(), 0);
}

TEST(Reconstruction, RelativeErrorDoesNotDependOnTheScale) {
  const at::Tensor a = at::tensor({3.f, 5.f}).view({1, 2}), b = at::tensor({3.f, 4.f}).view({1, 2});
  EXPECT_FLOAT_EQ(relative_squared_error(a, b).item<float>(), 1.f / 25);
  EXPECT_FLOAT_EQ(relative_squared_error(100 * a, 100 * b).item<float>(), 1.f / 25);
}

TEST(Reconstruction, PsnrOfImagesThatDifferByOneLevelIsThatOfBytes) {
  const double level = 2.0 / 255;  // one level of 255 in [-1, 1]
  const at::Tensor mse = at::full({1}, level * level);
  EXPECT_NEAR(psnr(mse).item<double>(), 20 * std::log10(255.0), 1e-4);  // float32
}

// Against SciPy 1.10: correlate1d with the same window along both axes, float64.
TEST(Reconstruction, StructuralSimilarityAgreesWithSciPy) {
  const at::Tensor i = at::arange(16, at::kDouble).unsqueeze(1), j = at::arange(16, at::kDouble).unsqueeze(0);
  const at::Tensor a = (0.5 * i + 0.3 * j).sin(), b = 0.8 * (0.5 * i + 0.3 * j + 0.4).sin() + 0.1;
  const at::Tensor pair = at::stack({a, b}).unsqueeze(1), swapped = at::stack({b, b}).unsqueeze(1);
  const at::Tensor similarity = structural_similarity(pair, swapped);
  EXPECT_NEAR(similarity[0].item<double>(), 0.4098153352720255, 1e-12);
  EXPECT_NEAR(similarity[1].item<double>(), 1, 1e-12);
}

// Flat images have no structure: (2 a b + c1) / (a^2 + b^2 + c1).
TEST(Reconstruction, StructuralSimilarityOfFlatImagesByHand) {
  const at::Tensor a = at::full({1, 3, 12, 12}, 0.5, at::kDouble), b = at::full({1, 3, 12, 12}, 0.25, at::kDouble);
  EXPECT_NEAR(structural_similarity(a, b).item<double>(), (0.25 + 4e-4) / (0.3125 + 4e-4), 1e-9);
}

}  // namespace
}  // namespace obverse
