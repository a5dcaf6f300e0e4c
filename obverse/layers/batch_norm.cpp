#include "obverse/layers/batch_norm.h"

#include <ATen/ATen.h>

#include "obverse/layers/linear.h"

namespace obverse {

BatchNorm::BatchNorm(int64_t channels, int64_t classes, double momentum) : momentum_(momentum) {
  const std::vector<int64_t> shape =
      classes > 0 ? std::vector<int64_t>{classes, channels} : std::vector<int64_t>{channels};
  parameter("weight", weight_, at::ones(shape));
  parameter("bias", bias_, at::zeros(shape));
  buffer("running_mean", running_mean_, at::zeros({channels}));
  buffer("running_var", running_var_, at::ones({channels}));
}

at::Tensor BatchNorm::normalise(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& bias) {
  const bool use_running = !training() || tracking();
  return at::batch_norm(x, gain, bias, use_running ? running_mean_ : at::Tensor(),
                        use_running ? running_var_ : at::Tensor(), training(), momentum_, 1e-5, /*cudnn=*/false);
}

at::Tensor BatchNorm::forward(const at::Tensor& x, const at::Tensor& y) {
  if (weight_.dim() == 1) return normalise(x, weight_, bias_);
  std::vector<int64_t> shape(x.dim(), 1);  // [N, C, 1, 1]
  shape[0] = x.size(0);
  shape[1] = x.size(1);
  const at::Tensor gain = rows_of_classes(weight_, y).to(x.scalar_type()).view(shape);
  const at::Tensor bias = rows_of_classes(bias_, y).to(x.scalar_type()).view(shape);
  return at::addcmul(bias, normalise(x, {}, {}), gain);
}

}  // namespace obverse
