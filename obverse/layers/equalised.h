#pragma once

#include "obverse/layers/convolution.h"

namespace obverse {

// Equalised learning rate, Karras 2018 (progressive growing), section 4.1: weights are drawn from N(0, 1) and
// multiplied by gain / sqrt(fan-in) where they are used, so that all layers move at the same relative speed.

/// x W^T gain / sqrt(inputs) + b in float32, weights and biases as if their step size were `lr` times as large.
class EqualisedLinear : public Module {
 public:
  EqualisedLinear(int64_t inputs, int64_t outputs, Rng& rng, double gain = 1, double lr = 1, double bias = 0);
  at::Tensor forward(const at::Tensor& x);              // [N, inputs] -> [N, outputs]
  const at::Tensor& weight() const { return weight_; }  // [outputs, inputs], before its gain

 private:
  double scale_, lr_;
  at::Tensor weight_, bias_;  // [outputs, inputs], [outputs]
};

/// A convolution of this kind, then (leaky) ReLU of `slope`; 1: none.
class EqualisedConv2d : public Module {
 public:
  struct Shape {
    int64_t kernel = 3, stride = 1, padding = 1;
    bool bias = true;
  };
  EqualisedConv2d(int64_t inputs, int64_t outputs, Rng& rng, const Shape& shape, double gain = 1, double slope = 1);
  at::Tensor forward(const at::Tensor& x);  // [N, inputs, H, W] -> [N, outputs, H', W']

 private:
  Shape shape_;
  double scale_, slope_;
  at::Tensor weight_, bias_;  // [outputs, inputs, kernel, kernel], [outputs]
};

/// x over the root of the mean of its squares along axis 1: a vector [N, C], or each pixel of [N, C, H, W]. Karras
/// 2018, section 4.2.
at::Tensor pixel_norm(const at::Tensor& x);

}  // namespace obverse
