#pragma once

#include "obverse/layers/convolution.h"

namespace obverse {

/// softmax(q k^T) v, softmax over keys: q [N, L, d], k [N, M, d], v [N, M, e], float32 or float64; returns [N, L, e].
/// Computed, and differentiated, for some queries at a time: the [L, M] weights never exist as a whole, which only a
/// second derivative needs.
at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

/// The same by LibTorch's operations at once.
at::Tensor plain_attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

/// Self-attention over an image's positions, Zhang 2019 (SAGAN), section 3: x + gamma out(attend(theta(x), phi(x),
/// g(x))), gamma learned from 0. theta and phi have an eighth of the channels, g half; phi and g are halved in size by
/// maxima, as in the published code.
class SelfAttention : public Module {
 public:
  SelfAttention(int64_t channels, Rng& rng, bool spectral_norm);
  at::Tensor forward(const at::Tensor& x);  // [N, C, H, W] -> [N, C, H, W]

 private:
  std::shared_ptr<Conv2d> theta_, phi_, g_, out_;
  at::Tensor gamma_;  // []
};

}  // namespace obverse
