// The three products of a convolution against the engine's in float64: by the matrix units, by oneDNN, in both types.
#include "obverse/layers/convolution_products.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "obverse/core/rng.h"

namespace obverse {
namespace {

struct Case {
  int64_t samples, inputs, height, width, outputs, kernel;
  Strides s;
};

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.samples << "x" << c.inputs << "x" << c.height << "x" << c.width << " to " << c.outputs << ", kernel "
             << c.kernel << ", stride " << c.s.stride << ", padding " << c.s.padding << ", groups " << c.s.groups;
}

struct Products {
  at::Tensor y, of_x, of_weight;
};

double relative_error(const at::Tensor& ours, const at::Tensor& exact) {
  EXPECT_EQ(ours.sizes(), exact.sizes());
  return ((ours.to(at::kDouble) - exact).norm() / (exact.norm() + 1e-30)).item<double>();
}

class ConvolutionProducts : public ::testing::TestWithParam<Case> {
 protected:
  const Case& c = GetParam();
  Rng rng{7};
  at::Tensor x = rng.normal({c.samples, c.inputs, c.height, c.width});
  at::Tensor weight = rng.normal({c.outputs, c.inputs / c.s.groups, c.kernel, c.kernel});
  at::Tensor bias = rng.normal({c.outputs});
  at::Tensor slope = rng.normal(at::conv2d(x, weight, {}, c.s.stride, c.s.padding, 1, c.s.groups).sizes());

  Products ours(at::ScalarType type, WeightCopies* copies) {
    const at::Tensor a = x.to(type), d = slope.to(type);
    return {convolution_product(a, weight, {bias}, c.s, copies),
            convolution_input_slope(d, weight, c.height, c.width, c.s, copies),
            convolution_weight_slope(d, a, weight, c.s)};
  }
  // Of values as `type` rounds them.
  Products exact(at::ScalarType type) {
    const auto rounded = [&](const at::Tensor& t) { return t.to(type).to(at::kDouble); };
    const at::Tensor a = rounded(x), w = rounded(weight), d = rounded(slope);
    const auto [of_x, of_weight, unused] =
        at::convolution_backward(d, a, w, c10::nullopt, {c.s.stride, c.s.stride}, {c.s.padding, c.s.padding}, {1, 1},
                                 false, {0, 0}, c.s.groups, {true, true, false});
    return {at::conv2d(a, w, bias.to(at::kDouble), c.s.stride, c.s.padding, 1, c.s.groups), of_x, of_weight};
  }
};

TEST_P(ConvolutionProducts, AreTheEnginesInFloat64) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    SCOPED_TRACE(type == at::kFloat ? "float32" : "bfloat16");
    const Products a = ours(type, nullptr), b = exact(type);
    const double tolerance = type == at::kFloat ? 2e-6 : 3e-3;  // a bfloat16 result is rounded once
    EXPECT_LT(relative_error(a.y, b.y), tolerance);
    EXPECT_LT(relative_error(a.of_x, b.of_x), tolerance);
    EXPECT_EQ(a.of_weight.scalar_type(), at::kFloat);
    EXPECT_LT(relative_error(a.of_weight, b.of_weight), 2e-6);  // float32 in either
  }
}

TEST_P(ConvolutionProducts, EndInALeakyUnitWhereAsked) {
  const at::Tensor y = exact(at::kBFloat16).y;
  const at::Tensor bent = convolution_product(x.to(at::kBFloat16), weight, {bias, 0.2}, c.s, nullptr);
  EXPECT_LT(relative_error(bent, at::leaky_relu(y, 0.2)), 3e-3);
  const at::Tensor cut = convolution_product(x.to(at::kBFloat16), weight, {bias, 0}, c.s, nullptr);
  EXPECT_LT(relative_error(cut, at::relu(y)), 3e-3);
}

TEST_P(ConvolutionProducts, FollowAWeightThatChanges) {
  WeightCopies copies;
  ours(at::kBFloat16, &copies);
  weight.mul_(-2);
  const Products kept = ours(at::kBFloat16, &copies), fresh = ours(at::kBFloat16, nullptr);
  EXPECT_TRUE(at::equal(kept.y, fresh.y));
  EXPECT_TRUE(at::equal(kept.of_x, fresh.of_x));
}

TEST_P(ConvolutionProducts, DoNotDependOnTheOrderOfTheWeight) {
  const Products plain = ours(at::kBFloat16, nullptr);
  weight = weight.contiguous(at::MemoryFormat::ChannelsLast);
  const Products last = ours(at::kBFloat16, nullptr);
  EXPECT_TRUE(at::equal(plain.y, last.y));
  EXPECT_TRUE(at::equal(plain.of_x, last.of_x));
  EXPECT_LT(relative_error(plain.of_weight, last.of_weight.to(at::kDouble)), 1e-6);
}

INSTANTIATE_TEST_SUITE_P(Shapes, ConvolutionProducts,
                         ::testing::Values(Case{3, 32, 8, 8, 64, 4, {2, 1, 1}}, Case{2, 64, 7, 7, 32, 3, {2, 1, 1}},
                                           Case{1, 32, 5, 9, 32, 3, {1, 1, 1}}, Case{5, 96, 4, 4, 32, 1, {1, 0, 1}},
                                           Case{70, 32, 4, 4, 64, 4, {2, 1, 1}}, Case{2, 160, 6, 6, 96, 3, {1, 0, 1}},
                                           Case{2, 32, 6, 6, 32, 1, {2, 0, 1}}, Case{2, 32, 9, 9, 32, 5, {3, 2, 1}},
                                           Case{2, 64, 16, 16, 32, 4, {2, 1, 1}}, Case{2, 3, 8, 8, 20, 3, {1, 1, 1}},
                                           Case{2, 32, 8, 8, 64, 3, {1, 1, 4}}, Case{3, 1, 6, 6, 1, 3, {1, 1, 1}},
                                           Case{2, 64, 16, 16, 64, 3, {1, 1, 4}}, Case{9, 32, 8, 8, 32, 3, {1, 1, 4}},
                                           Case{2, 128, 9, 13, 64, 3, {2, 1, 2}}, Case{3, 64, 4, 4, 64, 3, {1, 1, 4}},
                                           Case{1, 64, 33, 21, 96, 4, {2, 1, 1}},
                                           Case{20, 32, 17, 10, 64, 5, {1, 2, 1}},
                                           Case{2, 32, 20, 20, 32, 3, {2, 1, 1}}, Case{2, 64, 19, 19, 32, 1, {2, 0, 1}},
                                           Case{2, 32, 12, 40, 32, 1, {1, 0, 1}}, Case{1, 50, 70, 1, 784, 1, {1, 0, 1}},
                                           Case{1, 784, 600, 1, 40, 1, {1, 0, 1}}, Case{3, 24, 6, 6, 40, 3, {1, 1, 1}},
                                           Case{2, 20, 12, 14, 48, 4, {2, 1, 1}}));

}  // namespace
}  // namespace obverse
