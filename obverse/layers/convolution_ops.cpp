#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "obverse/layers/convolution.h"

namespace obverse {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

enum class Slope { input, weight };

/// The gradient of a convolution's input or weight as the engine computes it. Of `x` and `weight` only the shape
/// matters where the gradient does not depend on their values.
Tensor engine_slope(Slope which, const Tensor& slope, const Tensor& x, const Tensor& weight, const Strides& s) {
  const auto slopes = at::convolution_backward(slope, x, weight, c10::nullopt, {s.stride, s.stride},
                                               {s.padding, s.padding}, {1, 1}, /*transposed=*/false, {0, 0}, s.groups,
                                               {which == Slope::input, which == Slope::weight, false});
  return which == Slope::input ? std::get<0>(slopes) : std::get<1>(slopes);
}

/// Whether the convolution is a matrix product a pixel.
bool pointwise(const Tensor& weight, const Strides& s) {
  return weight.size(2) == 1 && weight.size(3) == 1 && s.stride == 1 && s.padding == 0 && s.groups == 1;
}

Tensor input_slope(const Tensor& slope, const Tensor& x, const Tensor& weight, const Strides& s) {
  if (pointwise(weight, s)) return at::conv2d(slope, weight.transpose(0, 1));
  return engine_slope(Slope::input, slope, x, weight, s);
}

/// The weight's gradient in bfloat16, two to five times faster than the engine's way: sum_n,h,w x[n, i, h s + k - p]
/// slope[n, o, h]. A matrix product where a kernel is one pixel, else a convolution itself: samples and channels change
/// places, and the stride becomes a dilation.
Tensor weight_slope(const Tensor& slope, const Tensor& x, const Tensor& weight, const Strides& s) {
  // Small matrices would be summed in bfloat16, not only multiplied.
  const bool worth = x.scalar_type() == at::kBFloat16 && s.groups == 1 && weight.size(0) >= 16 && weight.size(1) >= 16;
  if (worth && pointwise(weight, s)) {
    const auto rows = [](const Tensor& t) { return t.permute({0, 2, 3, 1}).flatten(0, 2); };  // [N H W, C]
    return at::mm(rows(slope).t(), rows(x)).view(weight.sizes());
  }
  if (!worth || s.stride == 1) return engine_slope(Slope::weight, slope, x, weight, s);
  const auto swapped = [](const Tensor& t) { return t.transpose(0, 1).contiguous(at::MemoryFormat::ChannelsLast); };
  const Tensor result = at::conv2d(swapped(x), swapped(slope), {}, 1, s.padding, s.stride);  // [I, O, k or more, ...]
  const Tensor kernels = result.narrow(2, 0, weight.size(2)).narrow(3, 0, weight.size(3)).transpose(0, 1);
  return kernels.contiguous(weight.suggest_memory_format());
}

std::vector<int64_t> pack(const Strides& s) { return {s.stride, s.padding, s.groups}; }
Strides unpack(AutogradContext* context) {
  const std::vector<int64_t> v = context->saved_data["strides"].toIntVector();
  return {v[0], v[1], v[2]};
}

struct Convolution : torch::autograd::Function<Convolution> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const c10::optional<Tensor>& bias, const std::vector<int64_t>& strides) {
    context->save_for_backward({x, weight});
    context->saved_data["strides"] = strides;
    context->saved_data["has bias"] = bias.has_value();
    const Strides s = unpack(context);
    return at::conv2d(x, weight, bias, s.stride, s.padding, 1, s.groups);
  }
  static variable_list backward(AutogradContext* context, variable_list slopes) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1];
    const Strides s = unpack(context);
    const bool has_bias = context->saved_data["has bias"].toBool();
    const Tensor slope = slopes[0].contiguous(x.suggest_memory_format());
    Tensor of_x, of_weight, of_bias;
    if (context->needs_input_grad(0)) of_x = transposed_convolution(slope, weight, x.sizes().slice(2), s);
    if (context->needs_input_grad(1)) of_weight = weight_slope(slope, x, weight, s);
    if (has_bias && context->needs_input_grad(2)) of_bias = slope.sum({0, 2, 3});
    return {of_x, of_weight, of_bias, Tensor()};
  }
};

struct TransposedConvolution : torch::autograd::Function<TransposedConvolution> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const std::vector<int64_t>& size, const std::vector<int64_t>& strides) {
    context->save_for_backward({x, weight});
    context->saved_data["strides"] = strides;
    const Strides s = unpack(context);
    const Tensor image =
        at::empty({x.size(0), weight.size(1) * s.groups, size[0], size[1]}, x.options(), x.suggest_memory_format());
    return input_slope(x, image, weight, s);
  }
  static variable_list backward(AutogradContext* context, variable_list slopes) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1];
    const Strides s = unpack(context);
    const Tensor slope = slopes[0].contiguous(x.suggest_memory_format());
    Tensor of_x, of_weight;
    if (context->needs_input_grad(0)) of_x = convolution(slope, weight, {}, s);
    if (context->needs_input_grad(1)) of_weight = weight_slope(x, slope, weight, s);
    return {of_x, of_weight, Tensor(), Tensor()};
  }
};

/// Whether to compute with 2x2 pixels folded into channels: kernels of few channels leave the processor's units empty.
bool fold(const Tensor& weight, const Strides& s, int64_t height, int64_t width) {
  return s.stride == 2 && s.padding == 1 && s.groups == 1 && weight.size(1) <= 4 && weight.size(2) == 4 &&
         height % 2 == 0 && width % 2 == 0;
}

/// [O, C, 4, 4] with stride 2 as [O, 4 C, 2, 2] with stride 1, in the order of pixel_unshuffle.
Tensor folded(const Tensor& weight) {
  const int64_t outputs = weight.size(0), channels = weight.size(1);
  return weight.reshape({outputs, channels, 2, 2, 2, 2})
      .permute({0, 1, 3, 5, 2, 4})
      .reshape({outputs, 4 * channels, 2, 2});
}

}  // namespace

Tensor convolution(const Tensor& x, const Tensor& weight, const Tensor& bias, const Strides& s) {
  const c10::optional<Tensor> b = bias.defined() ? c10::optional<Tensor>(bias) : c10::nullopt;
  if (!fold(weight, s, x.size(2), x.size(3))) return Convolution::apply(x, weight, b, pack(s));
  const Tensor pixels = at::pixel_unshuffle(at::constant_pad_nd(x, {1, 1, 1, 1}), 2);  // [N, 4 C, H / 2 + 1, W / 2 + 1]
  return Convolution::apply(pixels.contiguous(at::MemoryFormat::ChannelsLast), folded(weight), b, pack({}));
}

Tensor transposed_convolution(const Tensor& x, const Tensor& weight, at::IntArrayRef size, const Strides& s) {
  if (!fold(weight, s, size[0], size[1])) return TransposedConvolution::apply(x, weight, size.vec(), pack(s));
  const std::vector<int64_t> folded_size = {size[0] / 2 + 1, size[1] / 2 + 1};
  const Tensor pixels = TransposedConvolution::apply(x, folded(weight), folded_size, pack({}));
  return at::pixel_shuffle(pixels, 2).narrow(2, 1, size[0]).narrow(3, 1, size[1]);
}

}  // namespace obverse
