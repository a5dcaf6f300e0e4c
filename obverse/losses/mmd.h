#pragma once

#include <ATen/core/Tensor.h>

namespace obverse {

/// Sum over a = 0.2, 0.5, 1, 2, 5 of (1 + |x - y|^2 / (2 a))^-a: rational quadratic kernels, whose tails do not vanish.
/// Binkowski 2018, section 4. x: [N, F], y: [M, F] (or [N], [M]); returns [N, M]. Twice differentiable.
at::Tensor rational_quadratic_kernel(const at::Tensor& x, const at::Tensor& y);

/// A sample's share of the unbiased squared maximum mean discrepancy (Gretton 2012, eq. 3) of real and fake [N, F] (or
/// [N]), N of 2 or more: [N], whose mean is the estimate.
at::Tensor mmd_shares(const at::Tensor& real, const at::Tensor& fake);

/// Where the densities of real and fake differ as the kernel sees it: mean of k(x, real) less mean of k(x, fake), the
/// critic that MMD stands for. x: [M, F]; returns [M].
at::Tensor mmd_witness(const at::Tensor& x, const at::Tensor& real, const at::Tensor& fake);

}  // namespace obverse
