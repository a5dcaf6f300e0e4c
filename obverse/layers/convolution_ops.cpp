#include <ATen/ATen.h>

#include "obverse/core/autograd.h"
#include "obverse/layers/bias_unit.h"
#include "obverse/layers/convolution.h"
#include "obverse/layers/fold.h"
#include "obverse/layers/fused_node.h"
#include "obverse/layers/leaky.h"

namespace obverse {
namespace {

using at::Tensor;
using Copies = std::shared_ptr<WeightCopies>;

enum class Slope { input, weight };

/// The gradient of a convolution's input or weight as the engine computes it, for types that oneDNN does not take. Of
/// `x` and `weight` only the shape matters where the gradient does not depend on their values.
Tensor engine_slope(Slope which, const Tensor& slope, const Tensor& x, const Tensor& weight, const Strides& s) {
  const auto slopes = at::convolution_backward(slope, x, weight, c10::nullopt, {s.stride, s.stride},
                                               {s.padding, s.padding}, {1, 1}, /*transposed=*/false, {0, 0}, s.groups,
                                               {which == Slope::input, which == Slope::weight, false});
  return which == Slope::input ? std::get<0>(slopes) : std::get<1>(slopes);
}

// A convolution y = w * x is linear in x and in w; each of the three products below is the derivative of the other two.
Tensor product(const Tensor& x, const Tensor& weight, const Finish& finish, const Strides& s, const Copies& copies);
Tensor input_slope(const Tensor& slope, const Tensor& weight, int64_t height, int64_t width, const Strides& s,
                   const Copies& copies);
Tensor weight_slope(const Tensor& slope, const Tensor& x, const Tensor& weight, const Strides& s);

// The derivative of leaky(w * x + bias) with respect to x, and to the bias's factor a sample.
std::pair<Tensor, Tensor> slopes_with_unit(const Tensor& given, const Tensor& weight, const Tensor& bias,
                                           at::IntArrayRef size, const Tensor& y, double negative_slope,
                                           const Strides& s, const Copies& copies);

struct ProductNode : OwnNode {
  ProductNode(const Variables& inputs, const Strides& how, Copies of, const Tensor& output, double slope)
      : OwnNode(inputs), s(how), copies(std::move(of)), y(output.detach()), negative_slope(slope) {}
  Variables slopes(const Variables& v, const Variables& given) override {  // x, weight, bias, unit
    const Tensor &x = v[0], &weight = v[1];
    if (wanted(3) && !wanted(1) && !wanted(2)) {
      const auto [of_x, of_unit] =
          slopes_with_unit(given[0], weight, v[2], x.sizes().slice(2), y, negative_slope, s, copies);
      return {of_x, Tensor(), Tensor(), of_unit};
    }
    Tensor d = given[0], sums;  // before the leaky unit, and over pixels
    if (negative_slope != 1) {
      if (wanted(2) && !c10::GradMode::is_enabled())
        std::tie(d, sums) = leaky_slope_and_sum(d, y, negative_slope);
      else
        d = leaky_slope(d, y, negative_slope);
    }
    if ((wanted(2) || wanted(3)) && !sums.defined())
      sums = d.sum({2, 3}, /*keepdim=*/false, d.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
    return {wanted(0) ? input_slope(d, weight, x.size(2), x.size(3), s, copies) : Tensor(),
            wanted(1) ? weight_slope(d, x, weight, s) : Tensor(), wanted(2) ? sums.sum(0) : Tensor(),
            wanted(3) ? sums.matmul(v[2]) : Tensor()};
  }
  void release_variables() override {
    OwnNode::release_variables();
    y.reset();
  }
  Strides s;
  Copies copies;
  Tensor y;  // of which the sign is needed
  double negative_slope;
};

struct UnitSlopesNode : OwnNode {
  UnitSlopesNode(const Variables& inputs, const Strides& how, Copies of, const Tensor& output, double slope,
                 const Tensor& masked, const Tensor& sums_over_pixels)
      : OwnNode(inputs),
        s(how),
        copies(std::move(of)),
        y(output),
        d(masked),
        sums(sums_over_pixels),
        negative_slope(slope) {}
  Variables slopes(const Variables& v, const Variables& given) override {  // given, weight, bias
    const Tensor &of_x = given[0], &of_unit = given[1], &weight = v[1], &bias = v[2];
    if (c10::GradMode::is_enabled()) std::tie(d, sums) = masked_and_sums(v[0], y, negative_slope);
    Tensor of_given;
    if (wanted(0)) {
      of_given = of_x.defined() ? product(of_x, weight, {}, s, copies) : at::zeros_like(y);
      if (!of_unit.defined())
        of_given = leaky_slope(of_given, y, negative_slope);
      else if (c10::GradMode::is_enabled())
        of_given = leaky_slope(of_given + at::outer(of_unit, bias).unsqueeze(2).unsqueeze(3).to(y.scalar_type()), y,
                               negative_slope);
      else
        of_given = leaky_slope_of_sum(of_given, of_unit, bias, y, negative_slope);
    }
    return {of_given, wanted(1) && of_x.defined() ? weight_slope(d, of_x, weight, s) : Tensor(),
            wanted(2) && of_unit.defined() ? of_unit.matmul(sums) : Tensor()};
  }
  static std::pair<Tensor, Tensor> masked_and_sums(const Tensor& given, const Tensor& y, double negative_slope) {
    if (!c10::GradMode::is_enabled()) return leaky_slope_and_sum(given, y, negative_slope);
    const Tensor d = leaky_slope(given, y, negative_slope);
    return {d, d.sum({2, 3}, /*keepdim=*/false, d.scalar_type() == at::kDouble ? at::kDouble : at::kFloat)};
  }
  void release_variables() override {
    OwnNode::release_variables();
    y.reset(), d.reset(), sums.reset();
  }
  Strides s;
  Copies copies;
  Tensor y, d, sums;
  double negative_slope;
};

struct InputSlopeNode : OwnNode {
  InputSlopeNode(const Variables& inputs, const Strides& how, Copies of)
      : OwnNode(inputs), s(how), copies(std::move(of)) {}
  Variables slopes(const Variables& v, const Variables& given) override {  // slope, weight
    return {wanted(0) ? product(given[0], v[1], {}, s, copies) : Tensor(),
            wanted(1) ? weight_slope(v[0], given[0], v[1], s) : Tensor()};
  }
  Strides s;
  Copies copies;
};

struct WeightSlopeNode : OwnNode {
  WeightSlopeNode(const Variables& inputs, const Strides& how) : OwnNode(inputs), s(how) {}
  Variables slopes(const Variables& v, const Variables& given) override {  // slope, x
    const Tensor &slope = v[0], &x = v[1];
    return {wanted(0) ? product(x, given[0], {}, s, nullptr) : Tensor(),
            wanted(1) ? input_slope(slope, given[0], x.size(2), x.size(3), s, nullptr) : Tensor()};
  }
  Strides s;
};

Tensor product(const Tensor& x, const Tensor& weight, const Finish& finish, const Strides& s, const Copies& copies) {
  const Tensor& bias = finish.bias;
  const Tensor y = without_grad([&] {
    if (has_products(x)) return convolution_product(x, weight, finish, s, copies.get());
    const Tensor sums = at::conv2d(x, weight, bias.defined() ? c10::optional<Tensor>(bias) : c10::nullopt, s.stride,
                                   s.padding, 1, s.groups);
    return finish.negative_slope == 1 ? sums : leaky(sums, finish.negative_slope);
  });
  record<ProductNode>({x, weight, bias, bias.defined() ? BiasUnit::current() : Tensor()}, {y}, s, copies, y,
                      finish.negative_slope);
  return y;
}

std::pair<Tensor, Tensor> slopes_with_unit(const Tensor& given, const Tensor& weight, const Tensor& bias,
                                           at::IntArrayRef size, const Tensor& y, double negative_slope,
                                           const Strides& s, const Copies& copies) {
  Tensor d, sums;
  const auto result = without_grad([&] {
    std::tie(d, sums) = UnitSlopesNode::masked_and_sums(given, y, negative_slope);
    return std::pair(input_slope(d, weight, size[0], size[1], s, copies), sums.matmul(bias));
  });
  record<UnitSlopesNode>({given, weight, bias}, {result.first, result.second}, s, copies, y, negative_slope, d, sums);
  return result;
}

Tensor input_slope(const Tensor& slope, const Tensor& weight, int64_t height, int64_t width, const Strides& s,
                   const Copies& copies) {
  const Tensor result = without_grad([&] {
    if (has_products(slope)) return convolution_input_slope(slope, weight, height, width, s, copies.get());
    const Tensor image = at::empty({slope.size(0), weight.size(1) * s.groups, height, width}, slope.options());
    return engine_slope(Slope::input, slope, image, weight, s);
  });
  record<InputSlopeNode>({slope, weight}, {result}, s, copies);
  return result;
}

Tensor weight_slope(const Tensor& slope, const Tensor& x, const Tensor& weight, const Strides& s) {
  const Tensor result = without_grad([&] {
    return has_products(slope) ? convolution_weight_slope(slope, x, weight, s)
                               : engine_slope(Slope::weight, slope, x, weight, s);
  });
  record<WeightSlopeNode>({slope, x}, {result}, s);
  return result;
}

/// Whether to compute with 2x2 pixels folded into channels: kernels of few channels leave the processor's units empty.
bool fold(const Tensor& weight, const Strides& s, int64_t height, int64_t width) {
  return s.stride == 2 && s.padding == 1 && s.groups == 1 && weight.size(1) <= 4 && weight.size(2) == 4 &&
         height % 2 == 0 && width % 2 == 0;
}

/// [O, C, 4, 4] with stride 2 as [O, 4 C, 2, 2] with stride 1, in the order of pixel_unshuffle; and its copies, where
/// it need not be computed at every call.
std::pair<Tensor, Copies> folded(const Tensor& weight, const Copies& copies) {
  const auto make = [&] {
    const int64_t outputs = weight.size(0), channels = weight.size(1);
    return weight.reshape({outputs, channels, 2, 2, 2, 2})
        .permute({0, 1, 3, 5, 2, 4})
        .reshape({outputs, 4 * channels, 2, 2});
  };
  const bool recorded = c10::GradMode::is_enabled() && weight.requires_grad();
  if (recorded || !copies) return {make(), nullptr};
  return copies->derived(weight, make);
}

}  // namespace

Tensor convolution(const Tensor& x, const Tensor& weight, const Finish& finish, const Strides& s,
                   const Copies& copies) {
  if (!fold(weight, s, x.size(2), x.size(3))) return product(x, weight, finish, s, copies);
  const auto [kernel, kept] = folded(weight, copies);
  return product(fold_pixels(x), kernel, finish, {}, kept);
}

Tensor transposed_convolution(const Tensor& x, const Tensor& weight, const Finish& finish, at::IntArrayRef size,
                              const Strides& s, const Copies& copies) {
  const Tensor& bias = finish.bias;
  Tensor y;
  if (fold(weight, s, size[0], size[1])) {
    const auto [kernel, kept] = folded(weight, copies);
    y = unfold_pixels(input_slope(x, kernel, size[0] / 2 + 1, size[1] / 2 + 1, {}, kept), bias);
  } else if (!c10::GradMode::is_enabled() && has_products(x)) {
    return convolution_input_slope(x, weight, size[0], size[1], s, copies.get(), finish);
  } else {
    y = input_slope(x, weight, size[0], size[1], s, copies);
    if (bias.defined()) y = y + bias.to(y.scalar_type()).view({1, -1, 1, 1});
  }
  return finish.negative_slope == 1 ? y : leaky(y, finish.negative_slope);
}

}  // namespace obverse
