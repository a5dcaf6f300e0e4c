#include "obverse/layers/convolution.h"

#include <ATen/ATen.h>

#include "obverse/layers/trace.h"

namespace obverse {

// Weights lie as activations do, channels last; otherwise every pass would begin by copying them into that order.
// Cloning in NHWC makes it hold for one input channel too, where either order would pass for the other.
static at::Tensor kernel_weight(at::IntArrayRef shape, int64_t fan_in, const Init& init, Rng& rng) {
  const at::Tensor weight = draw_weight(shape, fan_in, init, rng);
  return weight.permute({0, 2, 3, 1}).clone(at::MemoryFormat::Contiguous).permute({0, 3, 1, 2});
}

Conv2d::Conv2d(int64_t inputs, int64_t outputs, Rng& rng, const ConvOptions& options) : options_(options) {
  const int64_t k = options.kernel, inputs_a_group = inputs / options.groups;
  parameter("weight", weight_,
            kernel_weight({outputs, inputs_a_group, k, k}, inputs_a_group * k * k, options.init, rng));
  if (options.bias) parameter("bias", bias_, at::zeros({outputs}));
  if (options.spectral_norm) norm_ = child("norm", std::make_shared<SpectralNorm>(weight_, 0, rng));
  copies_ = std::make_shared<WeightCopies>();
}

at::Tensor Conv2d::finished(const at::Tensor& x, double negative_slope) {
  const at::Tensor y = x.to(placement().compute);
  const Finish finish{bias_, negative_slope};
  const at::Tensor z = norm_ ? convolution(y, norm_->forward(weight_), finish, options_.strides())
                             : convolution(y, weight_, finish, options_.strides(), copies_);
  Trace::report(weight_, z, 2.0 * static_cast<double>(z.numel() * (weight_.numel() / weight_.size(0))));
  return z;
}

at::Tensor Conv2d::forward(const at::Tensor& x, const Activation& activation) {
  return activation.negative_slope ? finished(x, *activation.negative_slope) : activation.apply(forward(x));
}

// On average an output of a strided transposed convolution sums over inputs * (kernel / stride)^2 values.
static int64_t transposed_fan_in(int64_t inputs_a_group, const ConvOptions& options) {
  return std::max<int64_t>(1, inputs_a_group * options.kernel * options.kernel / (options.stride * options.stride));
}

TransposedConv2d::TransposedConv2d(int64_t inputs, int64_t outputs, Rng& rng, const ConvOptions& options)
    : options_(options) {
  const int64_t k = options.kernel;
  parameter("weight", weight_,
            kernel_weight({inputs, outputs / options.groups, k, k}, transposed_fan_in(inputs / options.groups, options),
                          options.init, rng));
  if (options.bias) parameter("bias", bias_, at::zeros({outputs}));
  if (options.spectral_norm) norm_ = child("norm", std::make_shared<SpectralNorm>(weight_, 1, rng));
  copies_ = std::make_shared<WeightCopies>();
}

at::Tensor TransposedConv2d::forward(const at::Tensor& x, int64_t height, int64_t width) {
  const at::Tensor y = x.to(placement().compute), weight = norm_ ? norm_->forward(weight_) : weight_;
  return reported(
      y, transposed_convolution(y, weight, {bias_}, {height, width}, options_.strides(), norm_ ? nullptr : copies_));
}

at::Tensor TransposedConv2d::forward(const at::Tensor& x, int64_t height, int64_t width, const Affine& after,
                                     double negative_slope) {
  const auto scaled = [&](const at::Tensor& weight) { return weight * after.scale.view({1, -1, 1, 1}); };
  const auto [weight, copies] = norm_ ? std::pair(scaled(norm_->forward(weight_)), std::shared_ptr<WeightCopies>())
                                      : copies_->derived(
                                            weight_, [&] { return scaled(weight_); }, after.scale);
  const at::Tensor shift = bias_.defined() ? after.shift + after.scale * bias_ : after.shift;
  const at::Tensor y = x.to(placement().compute);
  return reported(
      y, transposed_convolution(y, weight, {shift, negative_slope}, {height, width}, options_.strides(), copies));
}

at::Tensor TransposedConv2d::reported(const at::Tensor& x, const at::Tensor& y) const {
  Trace::report(weight_, y, 2.0 * static_cast<double>(x.numel() * (weight_.numel() / weight_.size(0))));
  return y;
}

}  // namespace obverse
