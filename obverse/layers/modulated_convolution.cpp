#include "obverse/layers/modulated_convolution.h"

#include <ATen/ATen.h>

#include <cmath>

#include "obverse/layers/trace.h"

namespace obverse {

ModulatedConv2d::ModulatedConv2d(int64_t inputs, int64_t outputs, int64_t kernel, int64_t w_dim, bool demodulate,
                                 Rng& rng)
    : demodulate_(demodulate),
      kernel_(kernel),
      scale_(1 / std::sqrt(static_cast<double>(inputs * kernel * kernel))),
      copies_(std::make_shared<WeightCopies>()) {
  affine_ = child("affine", std::make_shared<EqualisedLinear>(w_dim, inputs, rng, 1, 1, 1));
  const at::Tensor drawn = rng.normal({outputs, inputs, kernel, kernel});  // channels last, as activations lie
  parameter("weight", weight_, drawn.permute({0, 2, 3, 1}).clone(at::MemoryFormat::Contiguous).permute({0, 3, 1, 2}));
}

at::Tensor ModulatedConv2d::forward(const at::Tensor& x, const at::Tensor& w) {
  const at::ScalarType dtype = placement().compute;
  const at::Tensor s = style(w) * scale_;  // [N, inputs]
  const at::Tensor scaled = x.to(dtype) * s.to(dtype).unsqueeze(2).unsqueeze(3);
  const at::Tensor y = convolution(scaled, weight_, {}, {1, kernel_ / 2, 1}, copies_);
  Trace::report(weight_, y, 2.0 * static_cast<double>(y.numel() * (weight_.numel() / weight_.size(0))));
  if (!demodulate_) return y;
  const at::Tensor squares = at::mm(s.square(), weight_.square().sum({2, 3}).t());  // [N, outputs]
  return y * (squares + 1e-8).rsqrt().to(dtype).unsqueeze(2).unsqueeze(3);
}

}  // namespace obverse
