#pragma once

#include "obverse/layers/activation.h"
#include "obverse/layers/batch_norm.h"
#include "obverse/layers/convolution_products.h"
#include "obverse/layers/linear.h"

namespace obverse {

/// Two-dimensional convolution and its adjoint, x: [N, I, H, W] float32, bfloat16 or float64, weight: [O, I / groups,
/// k, k] float32 (or of x's type). Both are differentiable any number of times. They go to oneDNN directly: LibTorch
/// would bring weights into the kernels' order at every call, and its own transposed convolution is slow in float32 and
/// wrong in bfloat16. copies: of this weight, kept from call to call; or nullptr.
at::Tensor convolution(const at::Tensor& x, const at::Tensor& weight, const Finish& finish, const Strides& strides,
                       const std::shared_ptr<WeightCopies>& copies = nullptr);

/// The adjoint of convolution(., weight) and a finish with bias [I] or undefined: transposed convolution to the stated
/// size, of which a convolution must give [h, w]. x: [N, O, h, w]; returns [N, I, height, width].
at::Tensor transposed_convolution(const at::Tensor& x, const at::Tensor& weight, const Finish& finish,
                                  at::IntArrayRef size, const Strides& strides,
                                  const std::shared_ptr<WeightCopies>& copies = nullptr);

struct ConvOptions : LayerOptions {
  int64_t kernel = 3;
  int64_t stride = 1;
  int64_t padding = 1;
  int64_t groups = 1;
  Strides strides() const { return {stride, padding, groups}; }
};

/// Convolution with learned weights in the placement's compute type.
class Conv2d : public Module {
 public:
  Conv2d(int64_t inputs, int64_t outputs, Rng& rng, const ConvOptions& options);
  at::Tensor forward(const at::Tensor& x) { return finished(x, 1); }  // [N, inputs, H, W] -> [N, outputs, H', W']
  at::Tensor forward(const at::Tensor& x, const Activation& activation);

 private:
  at::Tensor finished(const at::Tensor& x, double negative_slope);

  ConvOptions options_;
  at::Tensor weight_, bias_;  // [outputs, inputs / groups, kernel, kernel], [outputs]
  std::shared_ptr<SpectralNorm> norm_;
  std::shared_ptr<WeightCopies> copies_;  // of weight_
};

/// Transposed convolution to a stated size: the adjoint of a convolution of these options.
class TransposedConv2d : public Module {
 public:
  TransposedConv2d(int64_t inputs, int64_t outputs, Rng& rng, const ConvOptions& options);
  at::Tensor forward(const at::Tensor& x, int64_t height,
                     int64_t width);  // [N, inputs, h, w] -> [N, outputs, height, width]
  /// And a fixed normalisation and (leaky) ReLU after it, in one product.
  at::Tensor forward(const at::Tensor& x, int64_t height, int64_t width, const Affine& after, double negative_slope);

 private:
  at::Tensor reported(const at::Tensor& x, const at::Tensor& y) const;

  ConvOptions options_;
  at::Tensor weight_, bias_;  // [inputs, outputs / groups, kernel, kernel], [outputs]
  std::shared_ptr<SpectralNorm> norm_;
  std::shared_ptr<WeightCopies> copies_;  // of weight_
};

}  // namespace obverse
