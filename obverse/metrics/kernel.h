#pragma once

#include <ATen/core/Tensor.h>

#include "obverse/core/rng.h"

namespace obverse {

/// Unbiased squared maximum mean discrepancy under the kernel (x.y / F + 1)^3 (Binkowski 2018, section 4; Gretton 2012,
/// eq. 3). x: [N, F], y: [M, F], both of two rows or more; may be negative.
double polynomial_mmd(const at::Tensor& x, const at::Tensor& y);

struct KernelOptions {
  int64_t subset_size = 1000;  // at most half of the smaller set, so that subsets differ
  int64_t subsets = 100;
};

struct KernelDistance {
  double value = 0;           // mean over the subsets
  double standard_error = 0;  // of the value, for other draws of both sets
  int64_t subset_size = 0, subsets = 0;
};

/// KID: the mean of polynomial_mmd over random subsets, drawn without replacement. Its standard error from the spread s
/// of S subsets of n: s sqrt(1 / S + n / N), N the smaller set; the second term because subsets of one set overlap.
KernelDistance kernel_distance(const at::Tensor& x, const at::Tensor& y, const KernelOptions& options, Rng& rng);

/// The value over given subsets: rows of x and rows of y, int64 [S, n].
KernelDistance kernel_distance(const at::Tensor& x, const at::Tensor& y, const at::Tensor& x_rows,
                               const at::Tensor& y_rows);

}  // namespace obverse
