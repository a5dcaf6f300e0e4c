#pragma once

#include <ATen/core/Tensor.h>

#include "obverse/core/rng.h"

namespace obverse {

/// Independent Gaussians over the numbers of N codes: what a stochastic encoder says of N samples.
struct CodeDistribution {
  at::Tensor mean;     // [N, ...]
  at::Tensor log_std;  // [N, ...]; undefined: the code is the mean

  /// One code each, reparameterised: mean + std * noise. [N, ...].
  at::Tensor sample(Rng& rng) const;
  /// log q(code | x), nats: [N]. code: [N, ...]. Needs a log_std.
  at::Tensor log_prob(const at::Tensor& code) const;
  /// KL(q || N(0, 1)) a number of the code, nats: [N, ...]. Kingma 2014, appendix B. Needs a log_std.
  at::Tensor kl_to_normal() const;
};

/// A network's output [N, 2 d] as means and standard deviations; the latter are kept within e^-7 .. e^3.
CodeDistribution gaussian_codes(const at::Tensor& output);

/// log N(x; 0, 1) summed over a sample's numbers: [N, ...] -> [N].
at::Tensor standard_normal_log_prob(const at::Tensor& x);

}  // namespace obverse
