#pragma once

#include "obverse/layers/module.h"

namespace obverse {

/// x [N, inputs] beside sin(x W) and cos(x W), W [inputs, F]: [N, inputs + 2 F]; twice differentiable.
at::Tensor fourier_features(const at::Tensor& x, const at::Tensor& weight);

/// x beside sin(x W) and cos(x W), W fixed random projections, so that what is fine in x becomes coarse. Fourier
/// features; Tancik 2020.
class FourierFeatures : public Module {
 public:
  /// longest: length of the longest projection, radians a unit of x; lengths are log-uniform from 1.
  FourierFeatures(int64_t inputs, int64_t count, double longest, Rng& rng);
  at::Tensor forward(const at::Tensor& x) { return fourier_features(x, weight_); }
  const at::Tensor& weight() const { return weight_; }

 private:
  at::Tensor weight_;  // [inputs, count]
};

}  // namespace obverse
