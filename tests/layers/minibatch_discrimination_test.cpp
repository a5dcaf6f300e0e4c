#include "obverse/layers/minibatch_discrimination.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "obverse/core/autograd.h"
#include "tests/finite_differences.h"

namespace obverse {
namespace {

// T is the identity: M = f. Three samples (0, 0), (1, 0), (1, 2); two kernels of one number each:
//   first:  0 against 1, 1: 2 e^-1; 1 against 0, 1: e^-1 + 1; the same
//   second: 0 against 0, 2: 1 + e^-2; the same; 2 against 0, 0: 2 e^-2
TEST(MinibatchDiscrimination, SumsExponentialsOfDistancesByHand) {
  Rng rng(1);
  MinibatchDiscrimination layer(2, 2, 1, Init::normal(1), rng);
  without_grad([&] {
    layer.parameters()[0].second.copy_(at::eye(2));
    return 0;
  });
  const at::Tensor h = at::tensor({0.0F, 0.0F, 1.0F, 0.0F, 1.0F, 2.0F}).view({3, 2});
  const double a = std::exp(-1), b = std::exp(-2);
  const at::Tensor expected =
      at::tensor({0.0, 0.0, 2 * a, 1 + b, 1.0, 0.0, a + 1, 1 + b, 1.0, 2.0, a + 1, 2 * b}).view({3, 4});
  EXPECT_LT((layer.forward(h) - expected).abs().max().item<double>(), 1e-6);
}

TEST(MinibatchDiscrimination, SaysThatCopiesAreCloserThanOthers) {
  Rng rng(1);
  MinibatchDiscrimination layer(4, 3, 2, Init::normal(1), rng);
  const at::Tensor h = rng.normal({5, 4}), copies = h.narrow(0, 0, 1).repeat({5, 1});
  const auto closeness = [&](const at::Tensor& x) { return layer.forward(x).slice(1, 4).mean().item<double>(); };
  EXPECT_NEAR(closeness(copies), 4, 1e-6);  // each of four others at distance 0
  EXPECT_LT(closeness(h), 2);
}

TEST(MinibatchDiscrimination, HasTheDerivativesOfFiniteDifferencesTwice) {
  Rng rng(3);
  MinibatchDiscrimination layer(3, 2, 2, Init::normal(0.5), rng);
  layer.to_dtype(at::kDouble);
  const auto f = [&](const at::Tensor& x) { return layer.forward(x.view({3, 3})).slice(1, 3).flatten(); };
  const at::Tensor x = rng.normal({9}).to(at::kDouble);
  expect_derivative(f, x);
  expect_second_derivative(f, x, 1e-6);
}

}  // namespace
}  // namespace obverse
