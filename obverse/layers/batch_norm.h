#pragma once

#include <optional>

#include "obverse/layers/activation.h"
#include "obverse/layers/module.h"
#include "obverse/layers/version.h"

namespace obverse {

/// x scale + shift, channel by channel: [C] each.
struct Affine {
  at::Tensor scale, shift;
};

/// Batch normalisation over every axis but the second (Ioffe 2015), statistics in float32. With classes > 0 gain and
/// bias are chosen by label: conditional batch normalisation (Dumoulin 2017). In training mode the batch's own
/// statistics normalise, and the running ones move only while tracking; otherwise the running ones normalise. Without
/// `gain` gain and bias stay 1 and 0.
class BatchNorm : public Module {
 public:
  explicit BatchNorm(int64_t channels, int64_t classes = 0, double momentum = 0.1, bool gain = true);
  /// x: [N, C] or [N, C, H, W] of any type, y: [N] int64 when conditional; returns the shape and type of x.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& y = {});
  /// And an activation after it: a ReLU or leaky ReLU costs nothing more.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& y, const Activation& activation);
  /// What it does to every sample when it neither trains nor learns nor looks at labels; nothing otherwise. The tensors
  /// are kept from call to call, and change in place.
  std::optional<Affine> fixed();

 private:
  at::Tensor normalised(const at::Tensor& x, const at::Tensor& y, double negative_slope);
  double momentum_;
  at::Tensor weight_, bias_;               // [C], or [classes, C]
  at::Tensor running_mean_, running_var_;  // [C]
  Affine fixed_;
  Version versions_[4];  // of what fixed_ is made of
};

}  // namespace obverse
