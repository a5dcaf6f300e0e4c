#pragma once

#include "obverse/layers/module.h"

namespace obverse {

/// Divides a weight by an estimate of its largest singular value. Miyato 2018, algorithm 1: one power iteration a
/// forward pass, done only while tracking; `u` and `v` are the running singular vectors. The gradient flows through
/// sigma.
class SpectralNorm : public Module {
 public:
  /// weight: of the layer; out_axis: the axis of its outputs, which becomes the rows of the matrix.
  SpectralNorm(const at::Tensor& weight, int64_t out_axis, Rng& rng);
  /// Returns weight / sigma, of the weight's shape.
  at::Tensor forward(const at::Tensor& weight);

 private:
  at::Tensor matrix(const at::Tensor& weight) const;  // [outputs, rest]
  void iterate(const at::Tensor& matrix);
  int64_t out_axis_;
  at::Tensor u_, v_;  // [outputs], [rest]
};

}  // namespace obverse
