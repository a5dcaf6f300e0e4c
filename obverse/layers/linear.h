#pragma once

#include "obverse/layers/convolution_products.h"
#include "obverse/layers/init.h"
#include "obverse/layers/spectral_norm.h"

namespace obverse {

/// Half-precision activations as float32; float32 and float64 stay as they are. For logits, features and generated
/// data.
at::Tensor full_precision(const at::Tensor& x);

/// What the layers with weights have in common.
struct LayerOptions {
  bool bias = true;
  Init init;
  bool spectral_norm = false;
  double bias_spread = 0;  // a linear layer's biases start uniform within +- this / sqrt(inputs); 0: at zero
};

/// x W^T + b in the placement's compute type.
class Linear : public Module {
 public:
  Linear(int64_t inputs, int64_t outputs, Rng& rng, const LayerOptions& options = {});
  at::Tensor forward(const at::Tensor& x);              // [N, inputs] -> [N, outputs]
  const at::Tensor& weight() const { return weight_; }  // [outputs, inputs], before spectral norm
  const at::Tensor& bias() const { return bias_; }      // [outputs]

 private:
  at::Tensor multiplied(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

  at::Tensor weight_, bias_;
  std::shared_ptr<SpectralNorm> norm_;
  std::shared_ptr<WeightCopies> copies_;  // of weight_
};

/// A learned vector for each class.
class Embedding : public Module {
 public:
  Embedding(int64_t classes, int64_t width, Rng& rng, const LayerOptions& options = {});
  /// y: [N] int64 in 0 .. classes - 1; returns [N, width] float32. Throws UserError when labels are missing.
  at::Tensor forward(const at::Tensor& y);

 private:
  at::Tensor weight_;  // [classes, width]
  std::shared_ptr<SpectralNorm> norm_;
};

/// Rows of `weight` [classes, width] for labels y [N]. Throws UserError when labels are missing.
at::Tensor rows_of_classes(const at::Tensor& weight, const at::Tensor& y);

}  // namespace obverse
