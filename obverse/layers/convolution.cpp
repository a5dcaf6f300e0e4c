#include "obverse/layers/convolution.h"

#include <ATen/ATen.h>

namespace obverse {

Conv2d::Conv2d(int64_t inputs, int64_t outputs, Rng& rng, const ConvOptions& options) : options_(options) {
  const int64_t k = options.kernel, inputs_a_group = inputs / options.groups;
  parameter("weight", weight_, draw_weight({outputs, inputs_a_group, k, k}, inputs_a_group * k * k, options.init, rng));
  if (options.bias) parameter("bias", bias_, at::zeros({outputs}));
  if (options.spectral_norm) norm_ = child("norm", std::make_shared<SpectralNorm>(weight_, 0, rng));
}

at::Tensor Conv2d::forward(const at::Tensor& x) {
  const at::ScalarType dtype = placement().compute;
  const at::Tensor weight = norm_ ? norm_->forward(weight_) : weight_;
  return at::conv2d(x.to(dtype).contiguous(placement().memory_format), weight.to(dtype),
                    bias_.defined() ? bias_.to(dtype) : bias_, options_.stride, options_.padding, 1, options_.groups);
}

// On average an output of a strided transposed convolution sums over inputs * (kernel / stride)^2 values.
static int64_t transposed_fan_in(int64_t inputs_a_group, const ConvOptions& options) {
  return std::max<int64_t>(1, inputs_a_group * options.kernel * options.kernel / (options.stride * options.stride));
}

TransposedConv2d::TransposedConv2d(int64_t inputs, int64_t outputs, Rng& rng, const ConvOptions& options)
    : options_(options) {
  const int64_t k = options.kernel;
  parameter("weight", weight_,
            draw_weight({inputs, outputs / options.groups, k, k}, transposed_fan_in(inputs / options.groups, options),
                        options.init, rng));
  if (options.bias) parameter("bias", bias_, at::zeros({outputs}));
  if (options.spectral_norm) norm_ = child("norm", std::make_shared<SpectralNorm>(weight_, 1, rng));
}

at::Tensor TransposedConv2d::forward(const at::Tensor& x, int64_t height, int64_t width) {
  const at::ScalarType dtype = placement().compute;
  const at::Tensor weight = norm_ ? norm_->forward(weight_) : weight_;
  const at::Tensor result = transposed_convolution(x.to(dtype).contiguous(placement().memory_format), weight.to(dtype),
                                                   {height, width}, options_.stride, options_.padding, options_.groups);
  return bias_.defined() ? result + bias_.to(dtype).view({1, -1, 1, 1}) : result;
}

at::Tensor transposed_convolution(const at::Tensor& x, const at::Tensor& weight, at::IntArrayRef size, int64_t stride,
                                  int64_t padding, int64_t groups) {
  // Only the shape of the convolution's input matters; its values are never read.
  const at::Tensor input =
      at::empty({x.size(0), weight.size(1) * groups, size[0], size[1]}, x.options(), x.suggest_memory_format());
  return std::get<0>(at::convolution_backward(x, input, weight, c10::nullopt, {stride, stride}, {padding, padding},
                                              {1, 1}, /*transposed=*/false, {0, 0}, groups, {true, false, false}));
}

}  // namespace obverse
