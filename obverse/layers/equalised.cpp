#include "obverse/layers/equalised.h"

#include <ATen/ATen.h>

#include <cmath>

#include "obverse/layers/trace.h"

namespace obverse {

EqualisedLinear::EqualisedLinear(int64_t inputs, int64_t outputs, Rng& rng, double gain, double lr, double bias)
    : scale_(gain * lr / std::sqrt(static_cast<double>(inputs))), lr_(lr) {
  parameter("weight", weight_, rng.normal({outputs, inputs}) / lr);
  parameter("bias", bias_, at::full({outputs}, bias / lr));
}

at::Tensor EqualisedLinear::forward(const at::Tensor& x) {
  const at::Tensor y = at::linear(full_precision(x), weight_ * scale_, bias_ * lr_);
  Trace::report(weight_, y, 2.0 * static_cast<double>(x.size(0) * weight_.numel()));
  return y;
}

EqualisedConv2d::EqualisedConv2d(int64_t inputs, int64_t outputs, Rng& rng, const Shape& shape, double gain,
                                 double slope)
    : shape_(shape),
      scale_(gain / std::sqrt(static_cast<double>(inputs * shape.kernel * shape.kernel))),
      slope_(slope) {
  parameter("weight", weight_, rng.normal({outputs, inputs, shape.kernel, shape.kernel}));
  if (shape.bias) parameter("bias", bias_, at::zeros({outputs}));
}

at::Tensor EqualisedConv2d::forward(const at::Tensor& x) {
  const at::Tensor y =
      convolution(x.to(placement().compute), weight_ * scale_, {bias_, slope_}, {shape_.stride, shape_.padding, 1});
  Trace::report(weight_, y, 2.0 * static_cast<double>(y.numel() * (weight_.numel() / weight_.size(0))));
  return y;
}

at::Tensor pixel_norm(const at::Tensor& x) {
  const at::Tensor wide = full_precision(x);
  return x * (wide.square().mean(1, /*keepdim=*/true) + 1e-8).rsqrt().to(x.scalar_type());
}

}  // namespace obverse
