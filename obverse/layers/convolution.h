#pragma once

#include "obverse/layers/linear.h"

namespace obverse {

struct ConvOptions : LayerOptions {
  int64_t kernel = 3;
  int64_t stride = 1;
  int64_t padding = 1;
  int64_t groups = 1;
};

/// Two-dimensional convolution in the placement's compute type.
class Conv2d : public Module {
 public:
  Conv2d(int64_t inputs, int64_t outputs, Rng& rng, const ConvOptions& options);
  at::Tensor forward(const at::Tensor& x);  // [N, inputs, H, W] -> [N, outputs, H', W']

 private:
  ConvOptions options_;
  at::Tensor weight_, bias_;  // [outputs, inputs / groups, kernel, kernel], [outputs]
  std::shared_ptr<SpectralNorm> norm_;
};

/// Transposed convolution to a stated size: the adjoint of a convolution of these options.
class TransposedConv2d : public Module {
 public:
  TransposedConv2d(int64_t inputs, int64_t outputs, Rng& rng, const ConvOptions& options);
  /// x: [N, inputs, h, w]; returns [N, outputs, height, width]; a convolution of that size must give [h, w].
  at::Tensor forward(const at::Tensor& x, int64_t height, int64_t width);

 private:
  ConvOptions options_;
  at::Tensor weight_, bias_;  // [inputs, outputs / groups, kernel, kernel], [outputs]
  std::shared_ptr<SpectralNorm> norm_;
};

/// The adjoint of conv2d(., weight): what transposed convolution is, computed as the input gradient of the convolution,
/// which is two to four times faster than the engine's own and right in bfloat16. Differentiable twice. x: [N, I, h,
/// w], weight: [I, O / groups, k, k]; returns [N, O, height, width].
at::Tensor transposed_convolution(const at::Tensor& x, const at::Tensor& weight, at::IntArrayRef size, int64_t stride,
                                  int64_t padding, int64_t groups = 1);

}  // namespace obverse
