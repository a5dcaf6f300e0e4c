#include "obverse/metrics/scatter.h"

#include <ATen/ATen.h>

namespace obverse {

MeanAndScatter plain_scatter_of(const at::Tensor& x) {
  constexpr int64_t kPanel = 256;  // columns at a time: the part above the diagonal is the mirror of that below
  const at::Tensor mean = x.mean(0, /*keepdim=*/false, at::kDouble), centred = x.to(at::kDouble) - mean;
  const int64_t width = x.size(1);
  at::Tensor result = at::empty({width, width}, at::kDouble);
  for (int64_t i = 0; i < width; i += kPanel) {
    const at::Tensor below = at::mm(centred.slice(1, i).t(), centred.slice(1, i, i + kPanel));
    result.slice(0, i).slice(1, i, i + kPanel).copy_(below);
    result.slice(0, i, i + kPanel).slice(1, i).copy_(below.t());
  }
  return {mean, result};
}

MeanAndScatter scatter_of(const at::Tensor& x) {
  const bool wide = x.size(0) >= 256 && x.size(1) >= 256;
  return wide && x.scalar_type() == at::kFloat && has_byte_tiles() ? tile_scatter_of(x) : plain_scatter_of(x);
}

}  // namespace obverse
