#pragma once

#include "obverse/layers/activation.h"
#include "obverse/layers/module.h"

namespace obverse {

/// Batch normalisation over every axis but the second (Ioffe 2015), statistics in float32. With classes > 0 gain and
/// bias are chosen by label: conditional batch normalisation (Dumoulin 2017). In training mode the batch's own
/// statistics normalise, and the running ones move only while tracking; otherwise the running ones normalise.
class BatchNorm : public Module {
 public:
  explicit BatchNorm(int64_t channels, int64_t classes = 0, double momentum = 0.1);
  /// x: [N, C] or [N, C, H, W] of any type, y: [N] int64 when conditional; returns the shape and type of x.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& y = {});
  /// And an activation after it: a ReLU or leaky ReLU costs nothing more.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& y, const Activation& activation);

 private:
  at::Tensor normalised(const at::Tensor& x, const at::Tensor& y, double negative_slope);
  double momentum_;
  at::Tensor weight_, bias_;               // [C], or [classes, C]
  at::Tensor running_mean_, running_var_;  // [C]
};

}  // namespace obverse
