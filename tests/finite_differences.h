#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <functional>

#include "obverse/core/autograd.h"

namespace obverse {

/// The Jacobian of f at x by central differences: [numel(f(x)), numel(x)], float64. x: float64. Use smooth functions: a
/// draw near a kink shows a large error.
inline at::Tensor numeric_jacobian(const std::function<at::Tensor(const at::Tensor&)>& f, const at::Tensor& x,
                                   double step = 1e-5) {
  std::vector<at::Tensor> columns;
  for (int64_t i = 0; i < x.numel(); ++i) {
    const auto shifted = [&](double h) {
      at::Tensor y = x.detach().clone(at::MemoryFormat::Contiguous);
      y.view(-1)[i] += h;
      return f(y.requires_grad_(true)).detach().reshape(-1);
    };
    columns.push_back((shifted(step) - shifted(-step)) / (2 * step));
  }
  return at::stack(columns, 1);
}

/// The same by differentiation.
inline at::Tensor exact_jacobian(const std::function<at::Tensor(const at::Tensor&)>& f, const at::Tensor& x) {
  std::vector<at::Tensor> rows;
  const at::Tensor at = x.detach().clone(at::MemoryFormat::Contiguous).requires_grad_(true);
  const int64_t outputs = f(at).numel();
  for (int64_t i = 0; i < outputs; ++i) rows.push_back(gradient(f(at).reshape(-1)[i], at).reshape(-1));
  return at::stack(rows, 0);
}

/// Checks the derivative of f at x against finite differences, and, where f is differentiable twice, the derivative of
/// a random projection of the gradient as well.
inline void expect_derivative(const std::function<at::Tensor(const at::Tensor&)>& f, const at::Tensor& x,
                              double tolerance = 1e-7) {
  ASSERT_EQ(x.scalar_type(), at::kDouble);
  const at::Tensor error = exact_jacobian(f, x) - numeric_jacobian(f, x);
  EXPECT_LT(error.abs().max().item<double>(), tolerance);
}
inline void expect_second_derivative(const std::function<at::Tensor(const at::Tensor&)>& f, const at::Tensor& x,
                                     double tolerance = 1e-7) {
  const auto slope = [&](const at::Tensor& y) {
    const at::Tensor out = f(y);
    const at::Tensor weights = at::linspace(0.5, 1.5, out.numel(), out.options()).reshape(out.sizes());
    return gradient(out * weights, y, /*create_graph=*/true);
  };
  expect_derivative(slope, x, tolerance);
}

}  // namespace obverse
