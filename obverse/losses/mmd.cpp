#include "obverse/losses/mmd.h"

#include <ATen/ATen.h>

#include "obverse/core/error.h"

namespace obverse {

using at::Tensor;

static Tensor rows(const Tensor& x) { return x.dim() == 1 ? x.unsqueeze(1) : x.flatten(1); }

Tensor rational_quadratic_kernel(const Tensor& x, const Tensor& y) {
  const Tensor a = rows(x), b = rows(y);
  const Tensor squares = (a.square().sum(1, true) + b.square().sum(1).unsqueeze(0) - 2 * at::mm(a, b.t())).clamp_min(0);
  Tensor sum = at::zeros_like(squares);
  for (const double scale : {0.2, 0.5, 1.0, 2.0, 5.0}) sum = sum + (1 + squares / (2 * scale)).pow(-scale);
  return sum;
}

Tensor mmd_shares(const Tensor& real, const Tensor& fake) {
  if (real.size(0) < 2 || fake.size(0) < 2)
    fail("mmd: compares samples of a batch with each other: set train.batch to 2 or more");
  const double others = static_cast<double>(real.size(0) - 1);
  const auto within = [&](const Tensor& x) {
    const Tensor k = rational_quadratic_kernel(x, x);
    return (k.sum(1) - k.diagonal()) / others;
  };
  const Tensor across = rational_quadratic_kernel(real, fake);
  return within(real) + within(fake) - across.mean(1) - across.mean(0);
}

Tensor mmd_witness(const Tensor& x, const Tensor& real, const Tensor& fake) {
  return rational_quadratic_kernel(x, real).mean(1) - rational_quadratic_kernel(x, fake).mean(1);
}

}  // namespace obverse
