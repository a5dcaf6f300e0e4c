// A run of dense layers as one operation, against the same layers one by one in float64.
#include "obverse/layers/dense_stack.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "obverse/core/autograd.h"
#include "obverse/core/rng.h"

namespace obverse {
namespace {

struct Shape {
  int64_t rows, inputs, waves;
  std::vector<int64_t> widths;  // of the layers' outputs
  double negative_slope;
};

DenseStack draw(const Shape& shape, Rng& rng) {
  DenseStack stack;
  stack.negative_slope = shape.negative_slope;
  if (shape.waves > 0) stack.frequencies = rng.normal({shape.inputs, shape.waves}) * 3;
  int64_t inputs = shape.inputs + 2 * shape.waves;
  for (const int64_t width : shape.widths) {
    stack.weights.push_back((rng.normal({width, inputs}) * std::sqrt(2.0 / inputs)).requires_grad_());
    stack.biases.push_back((rng.normal({width}) * 0.3).requires_grad_());
    inputs = width;
  }
  return stack;
}

at::Tensor as_double(const at::Tensor& x) {
  return x.defined() ? x.detach().to(at::kDouble).requires_grad_(x.requires_grad()) : x;
}

DenseStack as_double(const DenseStack& stack) {
  DenseStack result{as_double(stack.frequencies), {}, {}, stack.negative_slope};
  for (const at::Tensor& w : stack.weights) result.weights.push_back(as_double(w));
  for (const at::Tensor& b : stack.biases) result.biases.push_back(as_double(b));
  return result;
}

std::vector<at::Tensor> weights(const DenseStack& stack) {
  std::vector<at::Tensor> result = stack.weights;
  result.insert(result.end(), stack.biases.begin(), stack.biases.end());
  return result;
}

void expect_close(const std::vector<at::Tensor>& ours, const std::vector<at::Tensor>& exact, double tolerance = 1e-5) {
  ASSERT_EQ(ours.size(), exact.size());
  for (size_t i = 0; i < ours.size(); ++i) {
    ASSERT_EQ(ours[i].sizes(), exact[i].sizes());
    const double size = exact[i].norm().item<double>();
    EXPECT_LT((ours[i].to(at::kDouble) - exact[i]).norm().item<double>(), tolerance * size + 1e-9) << "tensor " << i;
  }
}

class Dense : public ::testing::TestWithParam<Shape> {
 protected:
  Rng rng{3};
  DenseStack stack = draw(GetParam(), rng), exact = as_double(stack);
  at::Tensor x = rng.normal({GetParam().rows, GetParam().inputs});
};

TEST_P(Dense, ValuesAndFirstDerivativesAreThoseOfTheLayersOneByOne) {
  x.requires_grad_();
  const at::Tensor x2 = as_double(x), y = dense_stack(stack, x), y2 = plain_dense_stack(exact, x2);
  expect_close({y}, {y2});
  std::vector<at::Tensor> of = weights(stack), of2 = weights(exact);
  of.push_back(x);
  of2.push_back(x2);
  expect_close(gradients(y.square(), of), gradients(y2.square(), of2));
  for (at::Tensor& w : of) w.set_requires_grad(false);  // a frozen network: of the input alone
  x.set_requires_grad(true);
  expect_close({gradient(dense_stack(stack, x).square(), x)}, {gradient(plain_dense_stack(exact, x2).square(), x2)});
}

TEST_P(Dense, DerivativesCanBeDifferentiated) {
  x.requires_grad_();
  const at::Tensor x2 = as_double(x);
  const auto twice = [](const at::Tensor& y, const at::Tensor& at_x, const std::vector<at::Tensor>& of) {
    return gradients(gradient(y.square(), at_x, true).square().sum(), of);
  };
  expect_close(twice(dense_stack(stack, x), x, weights(stack)),
               twice(plain_dense_stack(exact, x2), x2, weights(exact)));
}

TEST_P(Dense, TheGradientThatComesWithTheValueIsItsOwnAndHasTheDerivativesOfIt) {
  if (GetParam().widths.back() != 1) GTEST_SKIP();
  const at::Tensor x2 = x.to(at::kDouble).requires_grad_();
  const auto loss = [](const at::Tensor& y, const at::Tensor& g) {
    return y.sigmoid().sum() + (g.square().sum(1) - 1).square().sum();
  };
  const auto reference = [&] {
    const at::Tensor y = plain_dense_stack(exact, x2);
    return std::pair(y, gradient(y, x2, /*create_graph=*/true));
  };
  const auto [y, g] = dense_stack_with_gradient(stack, x);
  const auto [y2, g2] = reference();
  expect_close({y, g}, {y2, g2});
  expect_close(gradients(loss(y, g), weights(stack)), gradients(loss(y2, g2), weights(exact)));

  const auto [y3, g3] = dense_stack_with_gradient(stack, x);  // once more, for a third derivative
  const auto [y4, g4] = reference();
  const auto energy = [](const std::vector<at::Tensor>& parts) {
    at::Tensor sum = at::zeros({}, parts.front().options());
    for (const at::Tensor& part : parts) sum = sum + part.square().sum();
    return sum;
  };
  expect_close(gradients(energy(gradients(loss(y3, g3), weights(stack), true)), weights(stack)),
               gradients(energy(gradients(loss(y4, g4), weights(exact), true)), weights(exact)), 1e-4);
}

TEST_P(Dense, RowsSharedBetweenThreadsGiveTheSameUpToRounding) {
  const int threads = at::get_num_threads();
  std::vector<std::vector<at::Tensor>> results;
  for (const int n : {1, 3}) {
    at::set_num_threads(n);
    const at::Tensor y = dense_stack(stack, x);
    results.push_back(gradients(y.square(), weights(stack)));
    results.back().push_back(y.detach());
    if (GetParam().widths.back() != 1) continue;
    const auto [value, slope] = dense_stack_with_gradient(stack, x);
    for (const at::Tensor& t : gradients(value.sum() + slope.square().sum(), weights(stack)))
      results.back().push_back(t);
  }
  at::set_num_threads(threads);
  for (at::Tensor& t : results[1]) t = t.to(at::kDouble);
  expect_close(results[0], results[1]);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Dense,
                         ::testing::Values(Shape{1, 2, 0, {5, 1}, 0.2}, Shape{160, 2, 64, {128, 128, 1}, 0.2},
                                           Shape{37, 3, 7, {17, 9, 1}, 0}, Shape{80, 2, 0, {128, 128, 128, 2}, 0},
                                           Shape{50, 5, 3, {1}, 0.2}, Shape{64, 4, 0, {33, 3}, 0.2}));

}  // namespace
}  // namespace obverse
