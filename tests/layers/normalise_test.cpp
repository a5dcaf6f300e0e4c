// Batch normalisation with its activation, against LibTorch's operations in float64.
#include "obverse/layers/normalise.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "obverse/core/autograd.h"
#include "obverse/core/rng.h"

namespace obverse {
namespace {

struct Case {
  std::vector<int64_t> shape;
  bool by_sample, training;
  double negative_slope;
};

double error_of(const at::Tensor& ours, const at::Tensor& exact) {
  EXPECT_EQ(ours.sizes(), exact.sizes());
  return ((ours.to(at::kDouble) - exact).norm() / (exact.norm() + 1e-9)).item<double>();
}

class Normalise : public ::testing::TestWithParam<Case> {
 protected:
  Rng rng{5};
  const Case& c = GetParam();
  const int64_t channels = c.shape[1];
  // Means far from zero: the variance must not drown in their squares.
  at::Tensor x = (rng.normal(c.shape) * 2 + 30).requires_grad_();
  at::Tensor given = rng.normal(c.shape);
  at::Tensor gain = draw(1), bias = draw(0);
  Normalisation how{
      rng.normal({channels}) + 30, rng.uniform({channels}) + 3, c.training, false, 0.1, 1e-5, c.negative_slope};

  at::Tensor draw(double middle) {
    const std::vector<int64_t> shape =
        c.by_sample ? std::vector<int64_t>{c.shape[0], channels} : std::vector<int64_t>{channels};
    return (rng.normal(shape) * 0.5 + middle).requires_grad_();
  }
  static at::Tensor exact(const at::Tensor& t) { return t.detach().to(at::kDouble).requires_grad_(); }
  at::Tensor reference(const at::Tensor& x2, const at::Tensor& gain2, const at::Tensor& bias2) {
    Normalisation in_double = how;
    in_double.running_mean = how.running_mean.to(at::kDouble);
    in_double.running_var = how.running_var.to(at::kDouble);
    return plain_normalise(x2, gain2, bias2, in_double);
  }
};

TEST_P(Normalise, HasTheValuesAndDerivativesOfTheOperationsOneByOne) {
  const at::Tensor x2 = exact(x), gain2 = exact(gain), bias2 = exact(bias);
  const at::Tensor y = normalise(x, gain, bias, how), y2 = reference(x2, gain2, bias2);
  EXPECT_LT(error_of(y, y2), 1e-5);
  const auto ours = gradients(y * given, {x, gain, bias});
  const auto theirs = gradients(y2 * given.to(at::kDouble), {x2, gain2, bias2});
  for (size_t i = 0; i < ours.size(); ++i) EXPECT_LT(error_of(ours[i], theirs[i]), 1e-5) << "input " << i;
}

TEST_P(Normalise, CanBeDifferentiatedTwice) {
  const at::Tensor x2 = exact(x), gain2 = exact(gain), bias2 = exact(bias);
  const auto twice = [&](const at::Tensor& y, const at::Tensor& at_x, const std::vector<at::Tensor>& of) {
    return gradients(gradient(y.square() * given.to(y.scalar_type()), at_x, true).square().sum(), of);
  };
  const auto ours = twice(normalise(x, gain, bias, how), x, {x, gain, bias});
  const auto theirs = twice(reference(x2, gain2, bias2), x2, {x2, gain2, bias2});
  for (size_t i = 0; i < ours.size(); ++i) EXPECT_LT(error_of(ours[i], theirs[i]), 1e-3) << "input " << i;
}

TEST_P(Normalise, InBfloat16IsRoundedAndNoMore) {
  const at::Tensor half = (x.detach() - 30).to(at::kBFloat16).requires_grad_(), x2 = exact(half);
  const at::Tensor gain2 = exact(gain), bias2 = exact(bias);
  how.running_mean -= 30;
  const at::Tensor y = normalise(half, gain, bias, how), y2 = reference(x2, gain2, bias2);
  ASSERT_EQ(y.scalar_type(), at::kBFloat16);
  EXPECT_LT(error_of(y, y2), 4e-3);
  const auto ours = gradients(y * given.to(at::kBFloat16), {half, gain, bias});
  const auto theirs = gradients(y2 * given.to(at::kBFloat16).to(at::kDouble), {x2, gain2, bias2});
  EXPECT_EQ(ours[0].scalar_type(), at::kBFloat16);
  for (size_t i = 0; i < ours.size(); ++i) EXPECT_LT(error_of(ours[i], theirs[i]), 4e-3) << "input " << i;
}

TEST_P(Normalise, GivesTheSameBitsWhateverTheThreads) {
  const int threads = at::get_num_threads();
  std::vector<std::vector<at::Tensor>> results;
  for (const int n : {1, 3}) {
    at::set_num_threads(n);
    const at::Tensor y = normalise(x, gain, bias, how);
    results.push_back(gradients(y * given, {x, gain, bias}));
    results.back().push_back(y.detach());
  }
  at::set_num_threads(threads);
  for (size_t i = 0; i < results[0].size(); ++i) EXPECT_TRUE(at::equal(results[0][i], results[1][i])) << "tensor " << i;
}

INSTANTIATE_TEST_SUITE_P(Shapes, Normalise,
                         ::testing::Values(Case{{4, 3, 5, 7}, false, true, 0.2}, Case{{8, 64, 16, 16}, false, true, 0},
                                           Case{{6, 10, 4, 4}, true, true, 0}, Case{{6, 10, 4, 4}, true, true, 1},
                                           Case{{32, 17}, false, true, 0.2}, Case{{3, 16, 8, 8}, false, false, 0},
                                           Case{{3, 16, 8, 8}, true, false, 1}));

TEST(NormaliseStatistics, MoveAsLibTorchMovesThem) {
  Rng rng(1);
  const at::Tensor x = rng.normal({5, 3, 4, 4}) * 3 + 2, one = at::ones({3}), zero = at::zeros({3});
  at::Tensor mean = rng.normal({3}), var = rng.uniform({3}) + 1;
  const at::Tensor mean2 = mean.clone(), var2 = var.clone();
  normalise(x, one, zero, {mean, var, true, true, 0.1, 1e-5, 1});
  at::batch_norm(x, one, zero, mean2, var2, true, 0.1, 1e-5, false);
  EXPECT_LT(error_of(mean, mean2.to(at::kDouble)), 1e-6);
  EXPECT_LT(error_of(var, var2.to(at::kDouble)), 1e-6);
}

TEST(NormaliseStatistics, OfValuesThatAreNotNumbersAreNot) {
  at::Tensor x = at::ones({2, 2, 2, 2});
  x[0][0][0][0] = std::nan("");
  const Normalisation how{at::zeros({2}), at::ones({2}), true, false, 0.1, 1e-5, 0};
  for (const auto type : {at::kFloat, at::kBFloat16}) {
    const at::Tensor y = normalise(x.to(type), at::ones({2}), at::zeros({2}), how);
    EXPECT_TRUE(y.select(1, 0).isnan().any().item<bool>());
    EXPECT_FALSE(y.select(1, 1).isnan().any().item<bool>());
  }
}

// What a gradient penalty asks for: kernels of their own, compared with LibTorch's derivatives in float64.
TEST(Normalise, ThePenaltysDerivativesAreThoseOfThePlainOperations) {
  const at::Tensor mean = at::full({5}, 0.3F), variance = at::full({5}, 2.0F);
  for (const bool training : {true, false})
    for (const double slope : {1.0, 0.2}) {
      const Normalisation how{mean, variance, training, false, 0.1, 1e-5, slope};
      const auto run = [&](at::ScalarType dtype) {
        Rng rng(3);
        const at::Tensor x = rng.normal({4, 5, 3, 3}).to(dtype).requires_grad_(true),
                         gain = (rng.normal({5}) * 0.3 + 1).to(dtype).requires_grad_(true),
                         bias = rng.normal({5}).to(dtype).requires_grad_(true),
                         given = rng.normal({4, 5, 3, 3}).to(dtype).requires_grad_(true),
                         turned = rng.normal({4, 5, 3, 3}).to(dtype);
        Normalisation as = how;
        if (dtype == at::kDouble) as.running_mean = mean.to(dtype), as.running_var = variance.to(dtype);
        const at::Tensor y = dtype == at::kDouble ? plain_normalise(x, gain, bias, as) : normalise(x, gain, bias, as);
        const at::Tensor first = gradient(y * given, x, /*create_graph=*/true);
        const at::Tensor penalty = first * turned + first.pow(3);
        std::vector<at::Tensor> result = {first.detach()};
        for (const at::Tensor& of : {given, gain, x})
          result.push_back(training || !of.is_same(x) ? gradient(penalty, of, /*create_graph=*/true).detach()
                                                      : at::zeros({1}, dtype));
        return result;
      };
      const auto exact = run(at::kDouble), found = run(at::kFloat);
      for (size_t i = 0; i < exact.size(); ++i) {
        if (exact[i].numel() == 1) continue;
        const at::Tensor error = (found[i].to(at::kDouble) - exact[i]).norm() / exact[i].norm();
        EXPECT_LT(error.item<double>(), 1e-5) << "quantity " << i << ", training " << training << ", slope " << slope;
      }
    }
}

}  // namespace
}  // namespace obverse
