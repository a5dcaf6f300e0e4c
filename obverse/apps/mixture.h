#pragma once

#include <ATen/core/Tensor.h>

#include "obverse/core/rng.h"

namespace obverse {

/// A mixture of K Gaussians with full covariances.
struct GaussianMixture {
  at::Tensor weight;  // [K], sum 1
  at::Tensor mean;    // [K, d]
  at::Tensor factor;  // [K, d, d], Cholesky factors of the covariances; all float64
};

/// Expectation-maximisation (Dempster 1977) from k-means, 50 steps at most; a thousandth of the data's mean variance is
/// added to every variance. x: [N, d] float64; K is lowered to N / (2 d) where there are few samples, to 1 at least.
GaussianMixture fit_mixture(const at::Tensor& x, int64_t components, Rng& rng);

/// log p(x), nats: [N].
at::Tensor mixture_log_prob(const GaussianMixture& mixture, const at::Tensor& x);

}  // namespace obverse
