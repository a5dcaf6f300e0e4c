#pragma once

#include "obverse/models/networks.h"

namespace obverse {

struct PathLengthOptions : Options {
  double weight = 0;
  int64_t interval = 4;
  int64_t batch_shrink = 2;
  void describe(Fields& f) override;
};

/// Path length regularisation, Karras 2020 (StyleGAN2), eq. 4: (|J^T y| - a)^2, J the derivative of the image by w, y
/// an image of noise, a the lengths' moving average.
class PathLength {
 public:
  /// ws: [N, layers, w_dim]. Returns a scalar, and moves the average by a hundredth of the way to this batch's lengths.
  at::Tensor loss(StyleGenerator& generator, const at::Tensor& ws, Rng& rng);
  /// |J^T y| of each sample [N], differentiable: the root of the mean over layers of the squared norm.
  static at::Tensor lengths(StyleGenerator& generator, const at::Tensor& ws, Rng& rng);
  double mean() const { return mean_.item<double>(); }
  NamedTensors state() const { return {{"path_length", mean_}}; }
  PathLength();

 private:
  at::Tensor mean_;  // float32 []
};

}  // namespace obverse
