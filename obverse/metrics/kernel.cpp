#include "obverse/metrics/kernel.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/error.h"

namespace obverse {
namespace {

constexpr int64_t kBlock = 64;  // rows at a time, whose kernels stay in cache

// Sum over all pairs of a row of x and a row of y.
double sum_across(const Kernel& kernel, const at::Tensor& x, const at::Tensor& y) {
  double sum = 0;
  for (const at::Tensor& rows : x.split(kBlock)) sum += kernel(rows, y).sum().item<double>();
  return sum;
}

// Sum over all pairs of different rows, each pair twice.
double sum_within(const Kernel& kernel, const at::Tensor& x) {
  double sum = 0;
  for (int64_t first = 0; first < x.size(0); first += kBlock) {
    const at::Tensor k = kernel(x.slice(0, first, first + kBlock), x.slice(0, first)), block = k.slice(1, 0, k.size(0));
    sum += (2 * k.sum() - block.sum() - block.trace()).item<double>();
  }
  return sum;
}

at::Tensor draw_subsets(int64_t size, int64_t subset, int64_t count, Rng& rng) {
  std::vector<at::Tensor> rows;
  for (int64_t i = 0; i < count; ++i) rows.push_back(rng.permutation(size).slice(0, 0, subset));
  return at::stack(rows);
}

}  // namespace

Kernel cubic_kernel() {
  return [](const at::Tensor& x, const at::Tensor& y) {
    return at::mm(x, y.t()).div_(static_cast<double>(x.size(1))).add_(1).pow_(3);
  };
}

Kernel rbf_kernel(double width) {
  return [width](const at::Tensor& x, const at::Tensor& y) {
    const double widest = 4 * width;
    const at::Tensor squares =
        at::addmm(y.square().sum(1), x, y.t(), 1, -2).add_(x.square().sum(1, /*keepdim=*/true)).clamp_min_(0);
    at::Tensor kernel = squares.mul_(-0.5 / (widest * widest)).exp_(), sum = kernel.clone();
    for (int narrower = 0; narrower < 4; ++narrower) sum.add_(kernel.square_().square_());  // at half the width
    return sum.div_(5);
  };
}

double median_distance(const at::Tensor& x) { return at::pdist(x.to(at::kDouble)).median().item<double>(); }

double unbiased_mmd(const at::Tensor& x, const at::Tensor& y, const Kernel& kernel) {
  if (x.size(1) != y.size(1))
    fail("features of {} and {} numbers cannot be compared: use one feature network for both", x.size(1), y.size(1));
  if (x.size(0) < 2 || y.size(0) < 2) fail("a kernel distance needs at least two samples on each side");
  const at::Tensor a = x.to(at::kDouble), b = y.to(at::kDouble);
  const auto n = static_cast<double>(x.size(0)), m = static_cast<double>(y.size(0));
  return sum_within(kernel, a) / (n * (n - 1)) + sum_within(kernel, b) / (m * (m - 1)) -
         2 * sum_across(kernel, a, b) / (n * m);
}

KernelDistance kernel_distance(const at::Tensor& x, const at::Tensor& y, const Kernel& kernel, const at::Tensor& x_rows,
                               const at::Tensor& y_rows) {
  KernelDistance result;
  result.subsets = x_rows.size(0);
  result.subset_size = x_rows.size(1);
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < result.subsets; ++i) {
    const double value = unbiased_mmd(x.index_select(0, x_rows[i]), y.index_select(0, y_rows[i]), kernel);
    sum += value;
    squares += value * value;
  }
  const double count = static_cast<double>(result.subsets);
  result.value = sum / count;
  const double variance = count > 1 ? std::max(0.0, squares - sum * result.value) / (count - 1) : 0;
  const double smaller = static_cast<double>(std::min(x.size(0), y.size(0)));
  result.standard_error = std::sqrt(variance * (1 / count + static_cast<double>(result.subset_size) / smaller));
  return result;
}

KernelDistance kernel_distance(const at::Tensor& x, const at::Tensor& y, const Kernel& kernel,
                               const KernelOptions& options, Rng& rng) {
  const int64_t smaller = std::min(x.size(0), y.size(0));
  if (smaller < 4) fail("a kernel distance needs at least four samples on each side, there are {}", smaller);
  const int64_t subset = std::min(options.subset_size, smaller / 2);
  const at::Tensor x_rows = draw_subsets(x.size(0), subset, options.subsets, rng);
  const at::Tensor y_rows = draw_subsets(y.size(0), subset, options.subsets, rng);
  return kernel_distance(x, y, kernel, x_rows, y_rows);
}

}  // namespace obverse
