#include "obverse/layers/image_norm.h"

#include <ATen/ATen.h>

#include "obverse/layers/linear.h"

namespace obverse {

at::Tensor instance_norm(const at::Tensor& x) {
  constexpr double kEps = 1e-5;
  const at::Tensor wide = full_precision(x), centred = wide - wide.mean({2, 3}, /*keepdim=*/true);
  const at::Tensor variance = centred.square().mean({2, 3}, /*keepdim=*/true);
  return (centred * (variance + kEps).rsqrt()).to(x.scalar_type());
}

at::Tensor mirror_pad(const at::Tensor& x, int64_t width) {
  at::Tensor y = x;
  for (const int64_t axis : {2, 3}) {
    const int64_t size = y.size(axis);
    y = at::cat({y.narrow(axis, 1, width).flip(axis), y, y.narrow(axis, size - 1 - width, width).flip(axis)}, axis);
  }
  return y.contiguous(x.suggest_memory_format());
}

}  // namespace obverse
