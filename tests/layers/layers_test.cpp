#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/layers/activation.h"
#include "obverse/layers/batch_norm.h"
#include "obverse/layers/convolution.h"
#include "obverse/layers/fold.h"
#include "obverse/layers/leaky.h"
#include "obverse/layers/minibatch_std.h"
#include "obverse/layers/resample.h"
#include "tests/finite_differences.h"

namespace obverse {
namespace {

at::Tensor normal64(at::IntArrayRef shape, uint64_t seed = 1) { return Rng(seed).normal(shape).to(at::kDouble); }

Placement compute_in(at::ScalarType dtype) {
  Placement placement;
  placement.compute = dtype;
  return placement;
}

/// The module, computing in float64.
template <class M>
M& widened(M& module) {
  module.set_placement(compute_in(at::kDouble));
  module.to_dtype(at::kDouble);
  return module;
}

at::Tensor state_of(const Module& module, const std::string& name) {
  return find_tensor(module.state(), name, "module");
}

void set(Module& module, const std::string& name, const at::Tensor& value) {
  without_grad([&] { return state_of(module, name).copy_(value); });
}

double max_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

TEST(Linear, MultipliesAndAdds) {
  Rng rng(1);
  Linear layer(2, 1, rng);
  set(layer, "weight", at::tensor({2.0F, -1.0F}).view({1, 2}));
  set(layer, "bias", at::tensor({0.5F}));
  EXPECT_FLOAT_EQ(layer.forward(at::tensor({3.0F, 4.0F}).view({1, 2})).item<float>(), 2.5F);  // 6 - 4 + 0.5
}

TEST(Embedding, PicksARowAClassAndRefusesMissingLabels) {
  Rng rng(1);
  Embedding layer(3, 2, rng);
  set(layer, "weight", at::arange(6, at::kFloat).view({3, 2}));
  EXPECT_TRUE(
      at::equal(layer.forward(at::tensor({2, 0}, at::kLong)), at::tensor({4.0F, 5.0F, 0.0F, 1.0F}).view({2, 2})));
  EXPECT_THROW(layer.forward({}), UserError);
}

TEST(Init, DrawsTheStandardDeviationAskedFor) {
  Rng rng(1);
  // 40,000 draws: the sample standard deviation is within 1.5 % of the true one (4 standard errors).
  EXPECT_NEAR(draw_weight({200, 200}, 200, Init::normal(0.02), rng).std().item<double>(), 0.02, 3e-4);
  EXPECT_NEAR(draw_weight({200, 200}, 50, Init::he(1), rng).std().item<double>(), std::sqrt(1.0 / 50), 2.2e-3);
  EXPECT_NEAR(draw_weight({200, 200}, 50, Init::he(0), rng).std().item<double>(), std::sqrt(2.0 / 50), 3e-3);
  EXPECT_EQ(draw_weight({4, 4}, 4, Init::zero(), rng).abs().max().item<double>(), 0);
  EXPECT_TRUE(at::equal(draw_weight({3, 4}, 4, Init::identity(), rng), at::eye(3, 4)));
}

/// Shapes that take each of the ways in which the gradients are computed.
struct ConvCase {
  int64_t inputs, outputs, size, kernel;
  Strides strides;
};
const std::vector<ConvCase>& conv_cases() {
  static const std::vector<ConvCase> list = {
      {2, 3, 4, 3, {1, 1, 1}},    // plain
      {2, 3, 5, 3, {2, 1, 1}},    // strided, odd size
      {1, 2, 4, 4, {2, 1, 1}},    // few channels: folded
      {4, 4, 4, 3, {2, 1, 2}},    // groups
      {16, 16, 4, 1, {1, 0, 1}},  // one pixel: its weight gradient is a matrix product
      {16, 16, 4, 4, {2, 1, 1}},  // even kernel, several channels
  };
  return list;
}

TEST(Convolution, AndItsAdjointAgreeWithTheEngineAndDifferentiateTwice) {
  for (const ConvCase& c : conv_cases()) {
    SCOPED_TRACE(std::to_string(c.inputs) + " channels, kernel " + std::to_string(c.kernel));
    const at::Tensor x = normal64({2, c.inputs, c.size, c.size}, 1), b = normal64({c.outputs}, 3);
    const at::Tensor w = normal64({c.outputs, c.inputs / c.strides.groups, c.kernel, c.kernel}, 2) / 4;
    const at::Tensor y = at::conv2d(x, w, b, c.strides.stride, c.strides.padding, 1, c.strides.groups);
    EXPECT_LT(max_difference(convolution(x, w, {b}, c.strides), y), 1e-12);
    const at::Tensor slope = normal64(y.sizes(), 4);
    const at::Tensor up = transposed_convolution(slope, w, {}, {c.size, c.size}, c.strides);
    EXPECT_NEAR((x * up).sum().item<double>(), ((y - b.view({1, -1, 1, 1})) * slope).sum().item<double>(), 1e-10);
    // Every input of both, packed into one vector, with the first half of x's elements to keep it short.
    const auto f = [&](const at::Tensor& both) {
      const at::Tensor some = both.narrow(0, 0, 6), weight = w + both.narrow(0, 6, 4).sum() * w.square();
      const at::Tensor image = at::cat({some, x.flatten().slice(0, 6)}).view(x.sizes());
      const at::Tensor out = convolution(image, weight, {b * both[10]}, c.strides);
      const at::Tensor of_image = both.slice(0, 0, 1).expand({c.inputs}) * c.inputs;
      return at::cat({out.tanh().flatten().slice(0, 0, 5),
                      transposed_convolution(out, weight, {of_image}, {c.size, c.size}, c.strides)
                          .tanh()
                          .flatten()
                          .slice(0, 0, 5)});
    };
    expect_derivative(f, normal64({11}, 5));
    expect_second_derivative(f, normal64({11}, 5), 1e-6);
  }
}

TEST(Convolution, WithALeakyUnitIsOneAfterTheOther) {
  for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16})
    for (const ConvCase& c : conv_cases()) {
      SCOPED_TRACE(std::to_string(c.inputs) + " channels, kernel " + std::to_string(c.kernel));
      const at::ScalarType weights = type == at::kDouble ? at::kDouble : at::kFloat;
      // The output, its first derivatives, and those of its squared first derivative.
      const auto derivatives = [&](bool at_once) {
        const at::Tensor x = normal64({2, c.inputs, c.size, c.size}, 1).to(type).requires_grad_(true);
        const at::Tensor w =
            normal64({c.outputs, c.inputs / c.strides.groups, c.kernel, c.kernel}, 2).to(weights).requires_grad_(true);
        const at::Tensor b = normal64({c.outputs}, 3).to(weights).requires_grad_(true);
        const at::Tensor y =
            at_once ? convolution(x, w, {b, 0.2}, c.strides) : at::leaky_relu(convolution(x, w, {b}, c.strides), 0.2);
        const at::Tensor loss = (y.to(weights) * normal64(y.sizes(), 4).to(weights)).square();
        const at::Tensor slope = gradient(loss, x, /*create_graph=*/true).to(weights);
        std::vector<at::Tensor> result = gradients(slope.square(), {x, w, b}, true);
        for (const at::Tensor& g : gradients(loss, {x, w, b})) result.push_back(g);
        result.push_back(y);
        return result;
      };
      const auto fused = derivatives(true), plain = derivatives(false);
      const double tolerance = type == at::kDouble ? 1e-12 : type == at::kFloat ? 1e-5 : 0.02;
      for (size_t i = 0; i < fused.size(); ++i)
        EXPECT_LT(((fused[i] - plain[i]).to(at::kDouble).norm() / plain[i].to(at::kDouble).norm()).item<double>(),
                  tolerance)
            << i;
    }
}

TEST(Convolution, HasTheGradientsOfFloat32InBfloat16) {
  for (const ConvCase& c : conv_cases()) {
    SCOPED_TRACE(std::to_string(c.inputs) + " channels, kernel " + std::to_string(c.kernel));
    const auto slopes = [&](at::ScalarType dtype) {
      const at::Tensor x = Rng(1).normal({8, c.inputs, 8, 8}).to(dtype).requires_grad_(true);
      const at::Tensor w =
          Rng(2).normal({c.outputs, c.inputs / c.strides.groups, c.kernel, c.kernel}).to(dtype).requires_grad_(true);
      const at::Tensor b = Rng(3).normal({c.outputs}).to(dtype).requires_grad_(true);
      const at::Tensor y = convolution(x.contiguous(at::MemoryFormat::ChannelsLast), w, {b}, c.strides);
      return gradients(y.to(at::kFloat) * Rng(4).normal(y.sizes()), {x, w, b});
    };
    const auto exact = slopes(at::kFloat), rounded = slopes(at::kBFloat16);
    for (size_t i = 0; i < exact.size(); ++i)  // inputs and result rounded to 8 bits each
      EXPECT_LT(((rounded[i].to(at::kFloat) - exact[i]).norm() / exact[i].norm()).item<double>(), 0.01) << i;
  }
}

TEST(TransposedConvolution, SpreadsAPixelByItsKernel) {
  const at::Tensor x = at::full({1, 1, 1, 1}, 3.0F), w = at::arange(1, 17, at::kFloat).view({1, 1, 4, 4});
  // Stride 2, padding 1: the 2x2 output is the kernel's middle, times the pixel.
  EXPECT_TRUE(at::equal(transposed_convolution(x, w, {}, {2, 2}, {2, 1}),
                        at::tensor({18.0F, 21.0F, 30.0F, 33.0F}).view({1, 1, 2, 2})));
}

TEST(TransposedConvolution, IsTheAdjointOfConvolution) {
  for (const int64_t size : {6, 7}) {  // 6 -> 3 by a 4x4 kernel, 7 -> 4 by a 3x3 one
    const int64_t kernel = size % 2 == 0 ? 4 : 3;
    const at::Tensor x = normal64({2, 3, size, size}, 1), w = normal64({5, 3, kernel, kernel}, 2);
    const at::Tensor down = at::conv2d(x, w, {}, 2, 1), y = normal64(down.sizes(), 3);
    const at::Tensor up = transposed_convolution(y, w, {}, {size, size}, {2, 1});
    EXPECT_NEAR((down * y).sum().item<double>(), (x * up).sum().item<double>(), 1e-10);
  }
}

TEST(TransposedConvolution, DifferentiatesTwice) {
  const at::Tensor x = normal64({1, 2, 2, 2}, 1), w = normal64({2, 1, 4, 4}, 2);
  const auto of_both = [&](const at::Tensor& both) {
    return transposed_convolution(both.narrow(0, 0, 8).view({1, 2, 2, 2}), both.narrow(0, 8, 32).view({2, 1, 4, 4}), {},
                                  {4, 4}, {2, 1})
        .tanh();
  };
  const at::Tensor both = at::cat({x.flatten(), w.flatten()});
  expect_derivative(of_both, both);
  expect_second_derivative(of_both, both);
}

TEST(TransposedConvolution, IsRightInBfloat16) {
  for (const int64_t outputs : {8, 3, 1}) {
    const at::Tensor x = Rng(1).normal({4, 8, 7, 7}).to(at::kBFloat16);
    const at::Tensor w = Rng(2).normal({8, outputs, 4, 4}).to(at::kBFloat16);
    const at::Tensor rounded =
        transposed_convolution(x.contiguous(at::MemoryFormat::ChannelsLast), w, {}, {14, 14}, {2, 1});
    const at::Tensor exact = transposed_convolution(x.to(at::kFloat), w.to(at::kFloat), {}, {14, 14}, {2, 1});
    // Products are exact in float32, only the result is rounded: 2^-9 of the largest.
    EXPECT_LT(max_difference(rounded, exact), exact.abs().max().item<double>() / 256) << outputs << " channels";
  }
}

TEST(BatchNorm, NormalisesTheBatchAndMovesItsStatistics) {
  BatchNorm norm(1);
  const at::Tensor x = at::tensor({1.0F, 3.0F, 5.0F, 7.0F}).view({4, 1});  // mean 4, variance 5, unbiased 20 / 3
  const at::Tensor y = norm.forward(x);
  EXPECT_LT(max_difference(y, (x - 4) / std::sqrt(5 + 1e-5)), 1e-6);
  EXPECT_NEAR(state_of(norm, "running_mean").item<double>(), 0.4, 1e-6);           // 0.9 * 0 + 0.1 * 4
  EXPECT_NEAR(state_of(norm, "running_var").item<double>(), 0.9 + 2.0 / 3, 1e-6);  // 0.9 * 1 + 0.1 * 20 / 3
}

TEST(BatchNorm, MovesNothingUnlessItTracksAndUsesRunningStatisticsInEvaluation) {
  BatchNorm norm(2);
  const at::Tensor x = Rng(1).normal({8, 2, 3, 3}) * 3 + 1;
  norm.track(false);
  EXPECT_NEAR(norm.forward(x).mean().item<double>(), 0, 1e-6);
  EXPECT_TRUE(at::equal(state_of(norm, "running_mean"), at::zeros({2})));
  norm.track(true);
  norm.train(false);
  EXPECT_LT(max_difference(norm.forward(x), x / std::sqrt(1 + 1e-5)), 1e-5);
  EXPECT_TRUE(at::equal(state_of(norm, "running_var"), at::ones({2})));
}

TEST(BatchNorm, WithoutGainNormalisesAlikeAndLearnsNothing) {
  BatchNorm with(3), without(3, 0, 0.1, false);
  EXPECT_EQ(with.parameters("").size(), 2u);
  EXPECT_TRUE(without.parameters("").empty());
  const at::Tensor x = Rng(1).normal({8, 3, 2, 2}).requires_grad_(), z = x.detach().clone().requires_grad_();
  EXPECT_TRUE(at::equal(with.forward(x), without.forward(z)));
  with.forward(x).pow(3).sum().backward();
  without.forward(z).pow(3).sum().backward();
  EXPECT_TRUE(at::equal(x.grad(), z.grad()));
}

TEST(BatchNorm, ChoosesGainAndBiasByClass) {
  BatchNorm norm(1, 2);
  set(norm, "weight", at::tensor({1.0F, 10.0F}).view({2, 1}));
  set(norm, "bias", at::tensor({0.0F, 100.0F}).view({2, 1}));
  const at::Tensor x = at::tensor({-1.0F, 1.0F}).view({2, 1});  // mean 0, variance 1
  const at::Tensor y = norm.forward(x, at::tensor({0, 1}, at::kLong));
  EXPECT_NEAR(y[0].item<double>(), -1, 1e-4);
  EXPECT_NEAR(y[1].item<double>(), 110, 1e-3);
  EXPECT_THROW(norm.forward(x), UserError);
}

TEST(BatchNorm, DifferentiatesTwice) {
  for (const int64_t classes : {0, 2}) {
    BatchNorm norm(2, classes);
    widened(norm);
    const at::Tensor y = classes > 0 ? at::tensor({0, 1, 1}, at::kLong) : at::Tensor();
    const auto f = [&](const at::Tensor& x) { return norm.forward(x, y).tanh(); };
    norm.track(false);
    expect_derivative(f, normal64({3, 2, 2, 1}));
    expect_second_derivative(f, normal64({3, 2, 2, 1}), 1e-6);
  }
}

TEST(BatchNorm, TakesBfloat16AndKeepsFloat32Statistics) {
  for (const int64_t classes : {0, 2}) {
    BatchNorm norm(6, classes);
    const at::Tensor labels = classes > 0 ? at::arange(16, at::kLong) % 2 : at::Tensor();
    const at::Tensor x = (Rng(1).normal({16, 6, 5, 5}) * 2 + 1).contiguous(at::MemoryFormat::ChannelsLast);
    const auto run = [&](at::ScalarType dtype) {
      const at::Tensor in = x.to(dtype).requires_grad_(true);
      const at::Tensor out = norm.forward(in, labels);
      EXPECT_EQ(out.scalar_type(), dtype);
      const at::Tensor first = gradient(out.to(at::kFloat).tanh(), in, /*create_graph=*/true);
      const at::Tensor second = gradient(first.to(at::kFloat).square(), in);
      const at::Tensor again = norm.forward(in, labels).to(at::kFloat).tanh();
      return std::vector<at::Tensor>{out, first.detach(), second, gradient(again.pow(3), state_of(norm, "weight"))};
    };
    const auto exact = run(at::kFloat), rounded = run(at::kBFloat16);
    EXPECT_EQ(state_of(norm, "running_mean").scalar_type(), at::kFloat);
    for (size_t i = 0; i < exact.size(); ++i) {
      const at::Tensor error = (rounded[i].to(at::kFloat) - exact[i]).norm() / exact[i].norm();
      EXPECT_LT(error.item<double>(), i == 2 ? 0.06 : 0.03) << "quantity " << i;  // bfloat16: 0.4 % an operation
    }
  }
}

TEST(SpectralNorm, BringsTheLargestSingularValueToOne) {
  Rng rng(1);
  const at::Tensor w = normal64({6, 3, 2, 2});
  SpectralNorm norm(w.to(at::kFloat), 0, rng);
  widened(norm);
  at::Tensor scaled;
  for (int i = 0; i < 100; ++i) scaled = norm.forward(w);
  EXPECT_NEAR(at::linalg_svdvals(scaled.flatten(1)).max().item<double>(), 1, 1e-9);
}

TEST(SpectralNorm, MovesItsVectorsOnlyWhileTracking) {
  Rng rng(1);
  const at::Tensor w = Rng(2).normal({6, 12});
  SpectralNorm norm(w, 0, rng);
  set(norm, "u", at::ones({6}) / std::sqrt(6.0));
  const at::Tensor before = state_of(norm, "u").clone();
  norm.track(false);
  norm.forward(w);
  EXPECT_TRUE(at::equal(state_of(norm, "u"), before));
  norm.track(true);
  norm.forward(w);
  EXPECT_FALSE(at::equal(state_of(norm, "u"), before));
}

// A moving average of unit vectors that turn is shorter than 1.
TEST(SpectralNorm, ReadsOnlyTheDirectionsOfItsVectors) {
  Rng rng(1);
  const at::Tensor w = Rng(2).normal({3, 4});
  SpectralNorm norm(w, 0, rng);
  norm.track(false);
  const at::Tensor before = norm.forward(w);
  for (const auto& [name, vector] : norm.state()) at::Tensor(vector).mul_(0.5);
  EXPECT_TRUE(at::allclose(norm.forward(w), before));
}

TEST(SpectralNorm, DifferentiatesThroughSigma) {
  Rng rng(1);
  SpectralNorm norm(Rng(2).normal({3, 4}), 0, rng);
  widened(norm);
  norm.track(false);
  const auto f = [&](const at::Tensor& w) { return norm.forward(w); };
  expect_derivative(f, normal64({3, 4}));
  expect_second_derivative(f, normal64({3, 4}), 1e-6);
}

TEST(SpectralNorm, MayBeUsedTwiceBeforeBackward) {
  Rng rng(1);
  Linear layer(4, 3, rng, LayerOptions{true, {}, true});
  const at::Tensor loss = layer.forward(at::ones({2, 4})).sum() + layer.forward(at::ones({2, 4}) * 2).sum();
  EXPECT_NO_THROW(loss.backward());
}

TEST(Resample, AveragesByTheBinomialFilter) {
  at::Tensor x = at::zeros({1, 1, 4, 4});
  x[0][0][2][2] = 16;
  // Centred on the even pixels: (2, 2) is the centre of output (1, 1) only; 16 * (1/2 * 1/2).
  EXPECT_TRUE(at::equal(downsample(x), at::tensor({0.0F, 0.0F, 0.0F, 4.0F}).view({1, 1, 2, 2})));
  x.zero_();
  x[0][0][1][2] = 16;  // between outputs (0, 1) and (1, 1): 16 * (1/4 * 1/2) each
  EXPECT_TRUE(at::equal(downsample(x), at::tensor({0.0F, 2.0F, 0.0F, 2.0F}).view({1, 1, 2, 2})));
}

TEST(Resample, InterpolatesLinearlyWhenEnlarging) {
  const at::Tensor x = at::tensor({1.0F, 3.0F, 5.0F, 7.0F}).view({1, 1, 2, 2});
  const at::Tensor y = upsample(x);
  // Even pixels keep their value, those between are means; beyond the border is zero.
  EXPECT_TRUE(at::equal(y[0][0][0], at::tensor({1.0F, 2.0F, 3.0F, 1.5F})));
  EXPECT_TRUE(at::equal(y[0][0][1], at::tensor({3.0F, 4.0F, 5.0F, 2.5F})));
}

TEST(Resample, EnlargesByTheAdjointOfHalving) {
  const at::Tensor x = normal64({2, 3, 8, 6}, 1), y = normal64({2, 3, 4, 3}, 2);
  EXPECT_NEAR(4 * (downsample(x) * y).sum().item<double>(), (x * upsample(y)).sum().item<double>(), 1e-10);
}

TEST(Resample, DifferentiatesTwice) {
  expect_second_derivative([](const at::Tensor& x) { return upsample(x).tanh(); }, normal64({1, 2, 2, 2}), 1e-6);
  expect_second_derivative([](const at::Tensor& x) { return downsample(x).tanh(); }, normal64({1, 2, 4, 4}), 1e-6);
}

TEST(Resample, RepeatsPixels) {
  const at::Tensor y = repeat_pixels(at::tensor({1.0F, 2.0F}).view({1, 1, 1, 2}));
  EXPECT_TRUE(at::equal(y[0][0][1], at::tensor({1.0F, 1.0F, 2.0F, 2.0F})));
}

TEST(MinibatchStd, AppendsTheMeanDeviationOfAGroup) {
  // Two channels of one pixel, a group of two samples: deviations |1 - 5| / 2 = 2 and |0 - 2| / 2 = 1, mean 1.5.
  const at::Tensor x = at::tensor({1.0F, 0.0F, 5.0F, 2.0F}).view({2, 2, 1, 1});
  const at::Tensor y = append_minibatch_std(x, 2);
  EXPECT_EQ(y.sizes(), at::IntArrayRef({2, 3, 1, 1}));
  EXPECT_NEAR(y[0][2].item<double>(), 1.5, 1e-6);
  EXPECT_NEAR(y[1][2].item<double>(), 1.5, 1e-6);
  EXPECT_TRUE(at::equal(y.narrow(1, 0, 2), x));
}

TEST(MinibatchStd, IsNearZeroForEqualSamplesAndTakesTheWholeBatchWhenGroupsDoNotDivideIt) {
  const at::Tensor y = append_minibatch_std(at::ones({6, 3, 2, 2}), 4);
  EXPECT_NEAR(y.select(1, 3).max().item<double>(), 1e-4, 1e-7);  // the root of its 1e-8
  const at::Tensor odd = append_minibatch_std(Rng(1).normal({6, 3, 2, 2}), 4).select(1, 3);
  EXPECT_EQ(odd.min().item<double>(), odd.max().item<double>());
}

TEST(MinibatchStd, DifferentiatesTwice) {
  expect_second_derivative([](const at::Tensor& x) { return append_minibatch_std(x, 2); }, normal64({4, 1, 2, 1}),
                           1e-6);
}

TEST(Activations, HaveTheDerivativesOfFiniteDifferences) {
  const at::Tensor x = at::tensor({-2.0, -0.5, 0.3, 1.7}, at::kDouble);  // away from the corner at zero
  for (const Activation& activation : activation_table()) expect_derivative(activation.apply, x);
}

TEST(FoldPixels, IsUnshufflingWithABorderAndUnfoldingItsAdjoint) {
  for (const at::ScalarType type : {at::kDouble, at::kBFloat16}) {
    const at::Tensor x = normal64({2, 3, 6, 4}).to(type), p = normal64({2, 12, 4, 3}, 2).to(type);
    EXPECT_TRUE(at::equal(fold_pixels(x), at::pixel_unshuffle(at::constant_pad_nd(x, {1, 1, 1, 1}), 2)));
    EXPECT_TRUE(at::equal(fold_pixels(x.contiguous(at::MemoryFormat::ChannelsLast)), fold_pixels(x)));
    const at::Tensor b = normal64({3}, 3).to(type), shuffled = at::pixel_shuffle(p, 2).narrow(2, 1, 6).narrow(3, 1, 4);
    EXPECT_TRUE(at::equal(unfold_pixels(p, {}), shuffled));
    EXPECT_TRUE(at::equal(unfold_pixels(p, b), shuffled + b.view({1, 3, 1, 1})));
  }
  const auto f = [](const at::Tensor& v) {
    return unfold_pixels(fold_pixels(v.view({1, 2, 4, 2})).tanh(), v.slice(0, 0, 2));
  };
  expect_derivative(f, normal64({16}));
  expect_second_derivative(f, normal64({16}), 1e-6);
}

TEST(Leaky, SendsNothingBackThroughItsSignAndDifferentiatesTwice) {
  const auto f = [](const at::Tensor& x) { return leaky(x.pow(3), 0.2); };
  expect_derivative(f, at::tensor({-2.0, -0.5, 0.3, 1.7}, at::kDouble));
  expect_second_derivative(f, at::tensor({-2.0, -0.5, 0.3, 1.7}, at::kDouble), 1e-6);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const at::Tensor x = Rng(1).normal({3, 5, 7, 2}).to(type), given = Rng(2).normal({3, 5, 7, 2}).to(type);
    for (const at::Tensor& v : {x, x.contiguous(at::MemoryFormat::ChannelsLast), x.slice(3, 0, 1)}) {
      const at::Tensor d = given.slice(3, 0, v.size(3)), y = leaky(v, 0.2);
      EXPECT_TRUE(at::equal(y, at::leaky_relu(v, 0.2)));
      const at::Tensor slope = leaky_slope(d, y, 0.2);
      EXPECT_TRUE(at::equal(slope, at::where(v > 0, d, (d.to(at::kFloat) * 0.2).to(type))));
      const auto [masked, sums] = leaky_slope_and_sum(d, y, 0.2);
      EXPECT_TRUE(at::equal(masked, slope));
      EXPECT_LT(max_difference(sums, slope.to(at::kFloat).sum({2, 3})), type == at::kFloat ? 1e-5 : 0.05);
    }
  }
}

TEST(Convolution, KeepsChannelsLastAndComputesInThePlacementsType) {
  Rng rng(1);
  Conv2d conv(3, 4, rng, ConvOptions{});
  conv.set_placement(compute_in(at::kBFloat16));
  const at::Tensor y = conv.forward(Rng(1).normal({2, 3, 6, 6}));
  EXPECT_EQ(y.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(y.is_contiguous(at::MemoryFormat::ChannelsLast));
  gradient(y.to(at::kFloat), state_of(conv, "weight"));
  EXPECT_EQ(state_of(conv, "weight").scalar_type(), at::kFloat);
}

/// A tree of two levels.
struct Pair : Module {
  explicit Pair(Rng& rng) {
    linear = child("linear", std::make_shared<Linear>(2, 2, rng));
    norm = child("norm", std::make_shared<BatchNorm>(2));
    parameter("scale", scale, at::ones({1}));
  }
  std::shared_ptr<Linear> linear;
  std::shared_ptr<BatchNorm> norm;
  at::Tensor scale;
};

TEST(Module, NamesParametersAndBuffersByTheirPath) {
  Rng rng(1);
  const Pair pair(rng);
  const auto named = [](const NamedTensors& tensors) {
    std::vector<std::string> result;
    for (const auto& [name, tensor] : tensors) result.push_back(name);
    return result;
  };
  EXPECT_EQ(named(pair.parameters("g.")),
            (std::vector<std::string>{"g.scale", "g.linear.weight", "g.linear.bias", "g.norm.weight", "g.norm.bias"}));
  EXPECT_EQ(named(pair.buffers()), (std::vector<std::string>{"norm.running_mean", "norm.running_var"}));
  EXPECT_EQ(pair.state().size(), 7U);
}

TEST(Module, FreezesAndWidensTheWholeTree) {
  Rng rng(1);
  Pair pair(rng);
  pair.set_requires_grad(false);
  pair.to_dtype(at::kDouble);
  for (const auto& [name, tensor] : pair.state()) EXPECT_EQ(tensor.scalar_type(), at::kDouble) << name;
  for (const auto& [name, tensor] : pair.parameters()) EXPECT_FALSE(tensor.requires_grad()) << name;
  pair.set_requires_grad(true);
  for (const auto& [name, tensor] : pair.parameters()) EXPECT_TRUE(tensor.requires_grad()) << name;
}

// Its rearranged weights are kept twice: as they are, and times the scale of the normalisation after it.
TEST(TransposedConvolution, IsTheSameBeforeAndAfterOneWithANormalisation) {
  Rng rng(3);
  TransposedConv2d layer(8, 3, rng, ConvOptions{{}, 4, 2, 1, 1});
  layer.set_requires_grad(false);
  const at::Tensor x = rng.normal({2, 8, 7, 7});
  const Affine after = {at::tensor({2.f, 3.f, 4.f}), at::tensor({1.f, 0.f, -1.f})};
  const at::Tensor plain = layer.forward(x, 14, 14);
  const at::Tensor scaled = layer.forward(x, 14, 14, after, 1);
  EXPECT_TRUE(
      at::allclose(scaled, plain * after.scale.view({1, 3, 1, 1}) + after.shift.view({1, 3, 1, 1}), 1e-4, 1e-5));
  EXPECT_TRUE(at::equal(layer.forward(x, 14, 14), plain));
}

}  // namespace
}  // namespace obverse
