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

}  // namespace
}  // namespace obverse
