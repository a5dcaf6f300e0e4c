#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>
#include <vector>

#include "obverse/core/rng.h"

namespace obverse {

/// Gradient penalties, per sample, of the gradient g = grad_x D(x) [N, ...] at points x; norms run over all of a
/// sample's elements. Both return [N] and are differentiable when g is.

/// Zero-centred: ||g||^2. Mescheder 2018, eq. 9 (R1 on real samples, R2 on generated ones).
at::Tensor zero_centred_penalty(const at::Tensor& g);

/// One-centred: (||g||_2 - 1)^2. Gulrajani 2017, eq. 3.
at::Tensor one_centred_penalty(const at::Tensor& g);

/// Uniform points on the lines between x_real and x_fake, one random share a sample. [N, ...].
at::Tensor interpolate(const at::Tensor& x_real, const at::Tensor& x_fake, Rng& rng);

/// x_real + 0.5 std(x_real) u, u uniform in [0, 1) an element: the end of DRAGAN's neighbourhood, whose points lie
/// anywhere on the way there (Kodali 2017, as in its published code).
at::Tensor perturb(const at::Tensor& x_real, Rng& rng);

/// A penalty of the critic: where it is taken, and what is taken of the gradient there.
struct Penalty {
  std::string name, source;
  /// Points to take it at, detached [N, ...]. `fake` may be undefined when `needs_fake` is false.
  at::Tensor (*points)(const at::Tensor& real, const at::Tensor& fake, Rng& rng);
  at::Tensor (*value)(const at::Tensor& gradient);  // [N, ...] -> [N]
  double factor = 1;  // of the paper's formula: gamma / 2 for R1 and R2, lambda for WGAN-GP
  bool needs_fake = false;
};

/// wgan-gp, r1, r2, dragan.
const std::vector<Penalty>& penalty_table();

}  // namespace obverse
