#include "obverse/layers/linear.h"

#include <ATen/ATen.h>

#include <cmath>

#include "obverse/core/error.h"
#include "obverse/layers/bias_unit.h"
#include "obverse/layers/convolution.h"
#include "obverse/layers/trace.h"

namespace obverse {

at::Tensor full_precision(const at::Tensor& x) {
  return x.scalar_type() == at::kBFloat16 || x.scalar_type() == at::kHalf ? x.to(at::kFloat) : x;
}

Linear::Linear(int64_t inputs, int64_t outputs, Rng& rng, const LayerOptions& options) {
  parameter("weight", weight_, draw_weight({outputs, inputs}, inputs, options.init, rng));
  if (options.bias) {
    const double spread = options.bias_spread / std::sqrt(static_cast<double>(inputs));
    parameter("bias", bias_, spread > 0 ? (rng.uniform({outputs}) * 2 - 1) * spread : at::zeros({outputs}));
  }
  if (options.spectral_norm) norm_ = child("norm", std::make_shared<SpectralNorm>(weight_, 0, rng));
  copies_ = std::make_shared<WeightCopies>();
}

at::Tensor Linear::forward(const at::Tensor& x) {
  const at::ScalarType dtype = placement().compute;
  const at::Tensor weight = norm_ ? norm_->forward(weight_) : weight_;
  const bool apart = bias_.defined() && BiasUnit::current().defined();
  at::Tensor y = multiplied(x.to(dtype), weight, apart ? at::Tensor() : bias_);
  if (apart) y = y + at::outer(BiasUnit::current(), bias_).to(dtype);
  Trace::report(weight_, y, 2.0 * static_cast<double>(x.size(0) * weight_.numel()));
  return y;
}

at::Tensor Linear::multiplied(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (x.scalar_type() == at::kBFloat16) {  // a convolution of an image of N pixels, whose weight keeps its copies
    const at::Tensor pixels = x.t().unsqueeze(0).unsqueeze(3), kernel = weight.unsqueeze(2).unsqueeze(3);
    return convolution(pixels, kernel, {bias}, {}, norm_ ? nullptr : copies_).squeeze(3).squeeze(0).t();
  }
  return at::linear(x, weight.to(x.scalar_type()), bias.defined() ? bias.to(x.scalar_type()) : bias);
}

Embedding::Embedding(int64_t classes, int64_t width, Rng& rng, const LayerOptions& options) {
  parameter("weight", weight_, draw_weight({classes, width}, width, options.init, rng));
  if (options.spectral_norm) norm_ = child("norm", std::make_shared<SpectralNorm>(weight_, 0, rng));
}

at::Tensor Embedding::forward(const at::Tensor& y) {
  const at::Tensor rows = rows_of_classes(norm_ ? norm_->forward(weight_) : weight_, y);
  Trace::report(weight_, rows, 0);
  return rows;
}

at::Tensor rows_of_classes(const at::Tensor& weight, const at::Tensor& y) {
  if (!y.defined()) fail("this network is conditional: it needs a class label for every sample");
  return at::embedding(weight, y);
}

}  // namespace obverse
