#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "obverse/core/rng.h"

namespace obverse {

/// k(x, y) of all pairs of rows [N, F] and [M, F] in float64: [N, M].
using Kernel = std::function<at::Tensor(const at::Tensor& x, const at::Tensor& y)>;

/// (x.y / F + 1)^3.   Binkowski 2018, section 4
Kernel cubic_kernel();

/// Mean over s = 1/4, 1/2, 1, 2, 4 of exp(-|x - y|^2 / (2 (s width)^2)); several widths as in Li 2015 (GMMN).
Kernel rbf_kernel(double width);

/// Median distance between different rows: the usual width (Gretton 2012, section 8). x: [N, F] of two rows or more.
double median_distance(const at::Tensor& x);

/// Unbiased squared maximum mean discrepancy (Gretton 2012, eq. 3). x: [N, F], y: [M, F], both of two rows or more; may
/// be negative.
double unbiased_mmd(const at::Tensor& x, const at::Tensor& y, const Kernel& kernel);

struct KernelOptions {
  int64_t subset_size = 1000;  // at most half of the smaller set, so that subsets differ
  int64_t subsets = 100;
};

struct KernelDistance {
  double value = 0;           // mean over the subsets
  double standard_error = 0;  // of the value, for other draws of both sets
  int64_t subset_size = 0, subsets = 0;
};

/// The mean of unbiased_mmd over random subsets, drawn without replacement: KID with the cubic kernel. Its standard
/// error from the spread s of S subsets of n: s sqrt(1 / S + n / N), N the smaller set; the second term because subsets
/// of one set overlap.
KernelDistance kernel_distance(const at::Tensor& x, const at::Tensor& y, const Kernel& kernel,
                               const KernelOptions& options, Rng& rng);

/// The value over given subsets: rows of x and rows of y, int64 [S, n].
KernelDistance kernel_distance(const at::Tensor& x, const at::Tensor& y, const Kernel& kernel, const at::Tensor& x_rows,
                               const at::Tensor& y_rows);

}  // namespace obverse
