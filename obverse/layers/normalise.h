#pragma once

#include <ATen/core/Tensor.h>

namespace obverse {

/// Batch normalisation over every axis but the second and a (leaky) ReLU, in two passes over the data each way.
struct Normalisation {
  at::Tensor running_mean, running_var;  // [C] float32: they normalise unless `training`, and move if `tracking`
  bool training = true;
  bool tracking = false;
  double momentum = 0.1;
  double eps = 1e-5;
  double negative_slope = 1;  // of the activation; 1: none
};

/// x: [N, C, ...] float32 or bfloat16; gain, bias: float32 [C], or [N, C] where each sample has its own. Returns the
/// shape and type of x; statistics are in float32. Differentiable to any order; third derivatives, and
/// second ones of or by gains a sample, by LibTorch's operations.
at::Tensor normalise(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& bias, const Normalisation& how);

/// The same by LibTorch's operations; never moves the running statistics. Any floating-point type.
at::Tensor plain_normalise(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& bias,
                           const Normalisation& how);

}  // namespace obverse
