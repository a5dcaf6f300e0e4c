#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "obverse/models/dense_layers.h"

namespace obverse {

/// A network of dense layers computed in integers: weights in 2^-16, activations in 2^-14 within +-256. The integers
/// are held in float64 and every sum is below 2^53, so that products of matrices are exact whatever the order in which
/// a BLAS adds: on any processor, with any number of threads, the same numbers come out. What comes out is close to,
/// but not the same as, what the network says in floating point.
class IntegerNetwork {
 public:
  /// Throws UserError naming `where` when weights are not finite or too large, or there is no integer form of the
  /// activation (relu, leaky_relu and tanh have one).
  IntegerNetwork(const DenseLayers& layers, const std::string& where);

  /// input: [N, inputs] float64 of whole numbers, in 2^-14; returns [N, outputs] likewise.
  at::Tensor forward(const at::Tensor& input) const;
  int64_t inputs() const { return weights_.front().size(0); }
  int64_t outputs() const { return weights_.back().size(1); }

  /// What an image's levels 0 .. 255 are as inputs, in 2^-14.
  const std::vector<double>& levels() const { return levels_; }
  /// images: uint8 [N, ...]; returns [N, inputs] for `forward`.
  at::Tensor of_images(const at::Tensor& images) const;

  /// For inputs that become known one after the other: the first layer's sums with all inputs at 0 [N, first outputs],
  /// what input `index` of values [N] adds to them, and one output [N] for sums.
  at::Tensor empty_sums(int64_t n) const;
  void add_input(at::Tensor& sums, int64_t index, const at::Tensor& values) const;
  at::Tensor output(const at::Tensor& sums, int64_t index) const;

 private:
  at::Tensor activate(const at::Tensor& sums) const;

  std::vector<at::Tensor> weights_;  // [inputs, outputs]
  std::vector<at::Tensor> biases_;   // [outputs], in 2^-30
  std::string activation_;
  std::vector<double> levels_;
};

}  // namespace obverse
