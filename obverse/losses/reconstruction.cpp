#include "obverse/losses/reconstruction.h"

#include <ATen/ATen.h>

namespace obverse {

at::Tensor mean_squared_error(const at::Tensor& a, const at::Tensor& b) { return (a - b).square().flatten(1).mean(1); }

at::Tensor relative_squared_error(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).square().flatten(1).sum(1) / b.square().flatten(1).sum(1).clamp_min(1e-12);
}

at::Tensor psnr(const at::Tensor& mse) { return 10 * (4 / mse.clamp_min(1e-12)).log10(); }

}  // namespace obverse
