#include "obverse/layers/attention.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/finite_differences.h"

namespace obverse {
namespace {

struct Inputs {
  at::Tensor q, k, v;
};
Inputs inputs(int64_t n, int64_t queries, int64_t keys, at::ScalarType dtype = at::kDouble) {
  Rng rng(1);
  const auto draw = [&](int64_t length, int64_t width) {
    return rng.normal({n, length, width}).to(dtype).requires_grad_(true);
  };
  return {draw(queries, 3), draw(keys, 3), draw(keys, 4)};
}

// Query by query: exp(q.k) over their sum, the mean of v by these weights.
TEST(Attend, IsTheMeanOfValuesByExponentialsOfProducts) {
  const auto [q, k, v] = inputs(2, 3, 5);
  const at::Tensor y = attend(q, k, v);
  for (int64_t n = 0; n < 2; ++n)
    for (int64_t i = 0; i < 3; ++i) {
      at::Tensor sum = at::zeros({4}, at::kDouble), total = at::zeros({}, at::kDouble);
      for (int64_t j = 0; j < 5; ++j) {
        const at::Tensor weight = at::dot(q[n][i], k[n][j]).exp();
        sum = sum + weight * v[n][j];
        total = total + weight;
      }
      EXPECT_LT((y[n][i] - sum / total).abs().max().item<double>(), 1e-12);
    }
}

// 64 x 1100 x 300 weights are five slices of four million.
TEST(Attend, InSlicesIsAttentionAtOnceWithItsGradients) {
  const auto [q, k, v] = inputs(64, 1100, 300, at::kFloat);
  const at::Tensor sliced = attend(q, k, v), whole = plain_attend(q, k, v);
  EXPECT_LT((sliced - whole).abs().max().item<double>(), 1e-5);
  const at::Tensor slope = Rng(2).normal(whole.sizes());
  const auto ours = gradients(sliced * slope, {q, k, v}), theirs = gradients(whole * slope, {q, k, v});
  for (size_t i = 0; i < 3; ++i) EXPECT_LT(((ours[i] - theirs[i]).norm() / theirs[i].norm()).item<double>(), 1e-5);
}

TEST(Attend, HasTheDerivativesOfFiniteDifferencesTwice) {
  const auto [q, k, v] = inputs(1, 2, 3);
  const auto f = [](const at::Tensor& all) {
    return attend(all.narrow(0, 0, 6).view({1, 2, 3}), all.narrow(0, 6, 9).view({1, 3, 3}),
                  all.narrow(0, 15, 12).view({1, 3, 4}))
        .flatten();
  };
  const at::Tensor all = at::cat({q.flatten(), k.flatten(), v.flatten()}).detach();
  expect_derivative(f, all);
  expect_second_derivative(f, all, 1e-6);
}

TEST(SelfAttention, StartsAsTheIdentity) {
  Rng rng(1);
  SelfAttention layer(16, rng, true);
  const at::Tensor x = rng.normal({2, 16, 6, 6});
  EXPECT_TRUE(at::equal(layer.forward(x), x));
}

}  // namespace
}  // namespace obverse
