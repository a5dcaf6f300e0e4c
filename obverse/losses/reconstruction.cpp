#include "obverse/losses/reconstruction.h"

#include <ATen/ATen.h>

namespace obverse {

at::Tensor mean_squared_error(const at::Tensor& a, const at::Tensor& b) { return (a - b).square().flatten(1).mean(1); }

at::Tensor relative_squared_error(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).square().flatten(1).sum(1) / b.square().flatten(1).sum(1).clamp_min(1e-12);
}

at::Tensor psnr(const at::Tensor& mse) { return 10 * (4 / mse.clamp_min(1e-12)).log10(); }

at::Tensor structural_similarity(const at::Tensor& a, const at::Tensor& b) {
  constexpr int64_t kSide = 11;
  constexpr double kSigma = 1.5, kRange = 2, kC1 = 0.01 * 0.01 * kRange * kRange, kC2 = 0.03 * 0.03 * kRange * kRange;
  const at::Tensor line = (-0.5 * (at::arange(kSide, a.options()) - kSide / 2).square() / (kSigma * kSigma)).exp();
  const at::Tensor window = (at::outer(line, line) / line.sum().square()).view({1, 1, kSide, kSide});
  const auto blur = [&](const at::Tensor& x) { return at::conv2d(x.flatten(0, 1).unsqueeze(1), window); };
  const at::Tensor mean_a = blur(a), mean_b = blur(b);  // [N C, 1, h, w]
  const at::Tensor var_a = blur(a * a) - mean_a.square(), var_b = blur(b * b) - mean_b.square();
  const at::Tensor cov = blur(a * b) - mean_a * mean_b;
  const at::Tensor similarity = (2 * mean_a * mean_b + kC1) * (2 * cov + kC2) /
                                ((mean_a.square() + mean_b.square() + kC1) * (var_a + var_b + kC2));
  return similarity.flatten(1).mean(1).view({a.size(0), a.size(1)}).mean(1);
}

}  // namespace obverse
