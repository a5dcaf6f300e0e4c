#include "obverse/layers/modulated_convolution.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "obverse/core/autograd.h"
#include "obverse/layers/resample.h"
#include "tests/finite_differences.h"

namespace obverse {
namespace {

constexpr int64_t kIn = 4, kOut = 6, kCode = 5;

void in_float64(Module& module) {
  Placement wide;
  wide.compute = at::kDouble;
  module.set_placement(wide);
  module.to_dtype(at::kDouble);
}

/// The weights that a sample's style makes: [outputs, inputs, k, k].
at::Tensor explicit_weights(ModulatedConv2d& layer, const at::Tensor& w, bool demodulate) {
  const at::Tensor weight = layer.parameters()[0].second;
  const double scale = 1 / std::sqrt(static_cast<double>(kIn * weight.size(2) * weight.size(3)));
  at::Tensor scaled = weight.detach() * scale * layer.style(w.unsqueeze(0)).detach().view({1, kIn, 1, 1});
  if (!demodulate) return scaled;
  return scaled / (scaled.square().sum({1, 2, 3}, true) + 1e-8).sqrt();
}

class Modulated : public ::testing::TestWithParam<bool> {};

TEST_P(Modulated, IsTheConvolutionOfEachSampleByItsOwnWeights) {
  for (const int64_t kernel : {1, 3}) {
    Rng rng(1);
    ModulatedConv2d layer(kIn, kOut, kernel, kCode, GetParam(), rng);
    in_float64(layer);
    const at::Tensor x = rng.normal({3, kIn, 5, 7}).to(at::kDouble), w = rng.normal({3, kCode}).to(at::kDouble);
    const at::Tensor y = layer.forward(x, w);
    for (int64_t n = 0; n < 3; ++n) {
      const at::Tensor weights = explicit_weights(layer, w[n], GetParam());
      if (GetParam()) {  // demodulated: unit norm for every output
        EXPECT_LT((weights.square().sum({1, 2, 3}) - 1).abs().max().item<double>(), 1e-6);
      }
      const at::Tensor expected = at::conv2d(x.narrow(0, n, 1), weights, {}, 1, kernel / 2);
      EXPECT_LT((y.narrow(0, n, 1) - expected).abs().max().item<double>(), 1e-12);
    }
  }
}

TEST_P(Modulated, HasTheDerivativesOfFiniteDifferencesTwice) {
  Rng rng(2);
  ModulatedConv2d layer(2, 3, 3, 3, GetParam(), rng);
  in_float64(layer);
  const auto f = [&](const at::Tensor& all) {
    return layer.forward(all.narrow(0, 0, 18).view({1, 2, 3, 3}), all.narrow(0, 18, 3).view({1, 3})).flatten();
  };
  const at::Tensor all = rng.normal({21}).to(at::kDouble);
  expect_derivative(f, all);
  expect_second_derivative(f, all, 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Layers, Modulated, ::testing::Bool());

TEST(Modulated, DemodulatedOutputsOfWhiteNoiseHaveUnitVarianceWhateverTheStyle) {
  Rng rng(3);
  ModulatedConv2d layer(16, 8, 3, kCode, true, rng);
  const at::Tensor y = layer.forward(rng.normal({16, 16, 16, 16}), 5 * rng.normal({16, kCode}));
  EXPECT_NEAR(y.slice(2, 1, 15).slice(3, 1, 15).std().item<double>(), 1, 0.05);
}

TEST(Equalised, DrawsAsIfByFanInAndMovesWithItsStepSize) {
  Rng rng(4);
  EqualisedLinear layer(400, 300, rng, std::sqrt(2.0), 0.01, 0.5);
  EXPECT_NEAR(layer.parameters()[0].second.std().item<double>(), 100, 1);
  const at::Tensor y = layer.forward(rng.normal({200, 400}));
  EXPECT_NEAR(y.mean().item<double>(), 0.5, 0.05);
  EXPECT_NEAR(y.std().item<double>(), std::sqrt(2.0), 0.05);
}

TEST(Equalised, PixelNormGivesEveryPixelUnitMeanSquare) {
  Rng rng(5);
  const at::Tensor y = pixel_norm(7 * rng.normal({2, 5, 3, 4}));
  EXPECT_LT((y.square().mean(1) - 1).abs().max().item<double>(), 1e-5);
}

TEST(Resample, CentredFiltersKeepConstantsAndAreAdjoint) {
  Rng rng(6);
  const at::Tensor x = rng.normal({2, 3, 8, 8}).to(at::kDouble), y = rng.normal({2, 3, 4, 4}).to(at::kDouble);
  EXPECT_NEAR((4 * downsample_centred(x) * y).sum().item<double>(), (x * upsample_centred(y)).sum().item<double>(),
              1e-9);
  const at::Tensor ones = at::ones({1, 1, 12, 12});
  const auto inner = [](const at::Tensor& z) { return z.slice(2, 2, -2).slice(3, 2, -2); };
  for (const at::Tensor& z : {downsample_centred(ones), upsample_centred(ones), blur_centred(ones)}) {
    EXPECT_GT(inner(z).numel(), 0);
    EXPECT_LT((inner(z) - 1).abs().max().item<double>(), 1e-6) << z.size(2);
  }
  EXPECT_EQ(blur_centred(ones).size(2), 13);
}

// Linear interpolation between pixels' centres: a ramp stays a ramp, a quarter of a pixel off each side.
TEST(Resample, CentredUpSamplingInterpolatesBetweenCentres) {
  const at::Tensor ramp = at::arange(6, at::kFloat).view({1, 1, 1, 6}).expand({1, 1, 6, 6}).contiguous();
  const at::Tensor row = upsample_centred(ramp)[0][0][5];
  for (int64_t i = 2; i < 10; ++i) EXPECT_NEAR(row[i].item<double>(), (static_cast<double>(i) - 0.5) / 2, 1e-5);
}

}  // namespace
}  // namespace obverse
