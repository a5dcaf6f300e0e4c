#include "obverse/layers/spectral_norm.h"

#include <ATen/ATen.h>

#include "obverse/core/autograd.h"

namespace obverse {

static at::Tensor unit(const at::Tensor& x) { return x / x.norm().clamp_min(1e-12); }

SpectralNorm::SpectralNorm(const at::Tensor& weight, int64_t out_axis, Rng& rng) : out_axis_(out_axis) {
  const at::Tensor w = matrix(weight.detach());
  buffer("u", u_, unit(rng.normal({w.size(0)})));
  buffer("v", v_, unit(rng.normal({w.size(1)})));
  for (int i = 0; i < 15; ++i) iterate(w);  // a fresh estimate would be far too small
}

at::Tensor SpectralNorm::matrix(const at::Tensor& weight) const { return weight.transpose(0, out_axis_).flatten(1); }

void SpectralNorm::iterate(const at::Tensor& matrix) {
  v_.copy_(unit(at::mv(matrix.t(), u_)));
  u_.copy_(unit(at::mv(matrix, v_)));
}

at::Tensor SpectralNorm::forward(const at::Tensor& weight) {
  const at::Tensor w = matrix(weight);
  if (tracking()) {
    without_grad([&] {
      iterate(w);
      return 0;
    });
  }
  // Copies: the buffers may move again before this pass is differentiated. Of length 1: a moving average's are shorter.
  const at::Tensor sigma = at::dot(unit(u_), at::mv(w, unit(v_)));
  return weight / sigma;
}

}  // namespace obverse
