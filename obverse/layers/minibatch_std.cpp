#include "obverse/layers/minibatch_std.h"

#include <ATen/ATen.h>

namespace obverse {

at::Tensor append_minibatch_std(const at::Tensor& x, int64_t group) {
  const int64_t n = x.size(0), size = n % group == 0 ? group : n;
  const at::Tensor y = x.to(x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat).reshape({size, n / size, -1});
  const at::Tensor deviation = (y.var(0, /*unbiased=*/false) + 1e-8).sqrt().mean(1);  // [groups]
  const at::Tensor channel = deviation.repeat({size}).to(x.scalar_type()).view({n, 1, 1, 1});
  return at::cat({x, channel.expand({n, 1, x.size(2), x.size(3)})}, 1).contiguous(x.suggest_memory_format());
}

}  // namespace obverse
