// Parity with PyTorch's own layers: tests/fixtures/make_layers_fixture.py wrote the numbers, in float64.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "obverse/core/autograd.h"
#include "obverse/io/npz.h"
#include "obverse/layers/batch_norm.h"
#include "obverse/layers/convolution.h"

namespace obverse {
namespace {

constexpr double kTolerance = 1e-12;  // float64, sums of at most a hundred terms

at::Tensor fixture(const std::string& name) {
  static const NamedTensors arrays = read_npz(OBVERSE_SOURCE_DIR "/tests/fixtures/layers.npz");
  return find_tensor(arrays, name, "layers.npz");
}

void expect_close(const at::Tensor& ours, const at::Tensor& theirs) {
  ASSERT_EQ(ours.sizes(), theirs.sizes());
  EXPECT_LT((ours - theirs).abs().max().item<double>(), kTolerance);
}

/// The module in float64 with weights from the fixture: pairs of our name and theirs.
void load(Module& module, const std::vector<std::pair<std::string, std::string>>& pairs) {
  Placement wide;
  wide.compute = at::kDouble;
  module.set_placement(wide);
  module.to_dtype(at::kDouble);
  without_grad([&] {
    for (const auto& [ours, theirs] : pairs) find_tensor(module.state(), ours, "module").copy_(fixture(theirs));
    return 0;
  });
}

class TransposedParity : public ::testing::TestWithParam<const char*> {};

TEST_P(TransposedParity, GivesTheSameValuesAndGradients) {
  const std::string name = GetParam();
  const at::Tensor x = fixture(name + ".x").requires_grad_(true), w = fixture(name + ".w").requires_grad_(true);
  const at::Tensor theirs = fixture(name + ".y");
  const int64_t groups = theirs.size(1) / w.size(1);
  const at::Tensor y = transposed_convolution(x, w, {}, {theirs.size(2), theirs.size(3)}, {2, 1, groups});
  expect_close(y, theirs);
  const auto slopes = gradients(y * fixture(name + ".slope"), {x, w});
  expect_close(slopes[0], fixture(name + ".dx"));
  expect_close(slopes[1], fixture(name + ".dw"));
}

INSTANTIATE_TEST_SUITE_P(Kernels, TransposedParity,
                         ::testing::Values("transposed4", "transposed3", "transposed_groups"));

TEST(ConvolutionParity, HoldsWithGroupsStrideAndBias) {
  Rng rng(1);
  Conv2d conv(4, 6, rng, ConvOptions{{}, 3, 2, 1, 2});
  load(conv, {{"weight", "conv.w"}, {"bias", "conv.b"}});
  expect_close(conv.forward(fixture("conv.x")), fixture("conv.y"));
}

TEST(BatchNormParity, HoldsForOutputsAndRunningStatistics) {
  BatchNorm norm(3);
  load(norm, {{"weight", "norm.w"}, {"bias", "norm.b"}});
  for (const std::string step : {"norm0", "norm1"}) {
    expect_close(norm.forward(fixture(step + ".x")), fixture(step + ".y"));
    expect_close(find_tensor(norm.state(), "running_mean", "norm"), fixture(step + ".mean"));
    expect_close(find_tensor(norm.state(), "running_var", "norm"), fixture(step + ".var"));
  }
  norm.train(false);
  expect_close(norm.forward(fixture("norm1.x")), fixture("norm.y"));
}

/// Loads weight, u and v, runs one forward pass, and compares output, gradient and the vectors after it.
template <class Layer, class Forward>
void expect_spectral_parity(Layer& layer, const std::string& name, const Forward& forward) {
  load(layer, {{"weight", name + ".w"}, {"norm.u", name + ".u"}, {"norm.v", name + ".v"}});
  const at::Tensor y = forward(fixture(name + ".x"));
  expect_close(y, fixture(name + ".y"));
  expect_close(gradient(y.square(), find_tensor(layer.state(), "weight", name)), fixture(name + ".dw"));
  expect_close(find_tensor(layer.state(), "norm.u", name), fixture(name + ".u_after"));
  expect_close(find_tensor(layer.state(), "norm.v", name), fixture(name + ".v_after"));
}

TEST(SpectralNormParity, HoldsForLinearLayers) {
  Rng rng(1);
  Linear layer(5, 4, rng, LayerOptions{false, {}, true});
  expect_spectral_parity(layer, "spectral_linear", [&](const at::Tensor& x) { return layer.forward(x); });
}

TEST(SpectralNormParity, HoldsForConvolutions) {
  Rng rng(1);
  Conv2d layer(3, 4, rng, ConvOptions{{false, {}, true}, 3, 1, 1, 1});
  expect_spectral_parity(layer, "spectral_conv", [&](const at::Tensor& x) { return layer.forward(x); });
}

TEST(SpectralNormParity, HoldsForTransposedConvolutions) {
  Rng rng(1);
  TransposedConv2d layer(3, 4, rng, ConvOptions{{false, {}, true}, 4, 2, 1, 1});
  expect_spectral_parity(layer, "spectral_transposed", [&](const at::Tensor& x) { return layer.forward(x, 8, 8); });
}

}  // namespace
}  // namespace obverse
