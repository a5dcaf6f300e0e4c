#pragma once

#include <ATen/core/Tensor.h>

#include <utility>
#include <vector>

namespace obverse {

/// A run of dense layers that computes as one operation: Fourier features where asked for, hidden layers with a ReLU or
/// leaky ReLU, a last linear layer. Layer by layer, LibTorch spends more time between the small products than in them.
struct DenseStack {
  at::Tensor frequencies;                   // [inputs, F] of FourierFeatures, or undefined
  std::vector<at::Tensor> weights, biases;  // [outputs, inputs] and [outputs] a layer, float32
  double negative_slope = 0;                // of the hidden layers' activation
};

/// x: [N, inputs] float32, contiguous; returns [N, outputs]. Differentiable to any order; a second derivative is taken
/// layer by layer.
at::Tensor dense_stack(const DenseStack& stack, const at::Tensor& x);

/// The only output [N, 1] and its gradient with respect to x [N, inputs], both differentiable. The gradient of both
/// with respect to the weights costs what the gradient of one does: a sample's two contributions meet in one product.
std::pair<at::Tensor, at::Tensor> dense_stack_with_gradient(const DenseStack& stack, const at::Tensor& x);

/// The same by LibTorch's operations one by one: the reference, and what is differentiated when a derivative must be
/// differentiable itself.
at::Tensor plain_dense_stack(const DenseStack& stack, const at::Tensor& x);

}  // namespace obverse
