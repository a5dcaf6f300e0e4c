#include "obverse/layers/batch_norm.h"

#include <ATen/ATen.h>

#include "obverse/core/autograd.h"
#include "obverse/layers/linear.h"
#include "obverse/layers/normalise.h"
#include "obverse/layers/trace.h"

namespace obverse {

BatchNorm::BatchNorm(int64_t channels, int64_t classes, double momentum, bool gain) : momentum_(momentum) {
  const std::vector<int64_t> shape =
      classes > 0 ? std::vector<int64_t>{classes, channels} : std::vector<int64_t>{channels};
  const auto slot = gain ? &BatchNorm::parameter : &BatchNorm::buffer;
  (this->*slot)("weight", weight_, at::ones(shape));
  (this->*slot)("bias", bias_, at::zeros(shape));
  buffer("running_mean", running_mean_, at::zeros({channels}));
  buffer("running_var", running_var_, at::ones({channels}));
}

constexpr double kEps = 1e-5;

std::optional<Affine> BatchNorm::fixed() {
  if (training() || weight_.dim() == 2 || weight_.requires_grad()) return std::nullopt;
  bool same = fixed_.scale.defined();
  const at::Tensor* const of[] = {&weight_, &bias_, &running_mean_, &running_var_};
  for (size_t i = 0; i < 4; ++i) same = versions_[i].is(*of[i]) && same;
  if (same) return fixed_;
  return without_grad([&] {
    if (!fixed_.scale.defined()) fixed_ = {at::empty_like(weight_), at::empty_like(weight_)};
    fixed_.scale.copy_(weight_ / (running_var_ + kEps).sqrt());
    fixed_.shift.copy_(bias_ - fixed_.scale * running_mean_);
    return fixed_;
  });
}

at::Tensor BatchNorm::normalised(const at::Tensor& x, const at::Tensor& y, double negative_slope) {
  const bool by_class = weight_.dim() == 2;
  const at::Tensor gain = by_class ? rows_of_classes(weight_, y) : weight_;
  const at::Tensor bias = by_class ? rows_of_classes(bias_, y) : bias_;
  const Normalisation how{running_mean_, running_var_, training(), tracking(), momentum_, kEps, negative_slope};
  const bool kernels = x.device().is_cpu() && gain.scalar_type() == at::kFloat &&
                       (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16);
  Trace::report(weight_, x, 2.0 * static_cast<double>(x.numel()));
  if (kernels) return normalise(x, gain, bias, how);
  if (tracking()) at::batch_norm(x.detach(), {}, {}, running_mean_, running_var_, true, momentum_, how.eps, false);
  return plain_normalise(x, gain, bias, how);
}

at::Tensor BatchNorm::forward(const at::Tensor& x, const at::Tensor& y) { return normalised(x, y, 1); }

at::Tensor BatchNorm::forward(const at::Tensor& x, const at::Tensor& y, const Activation& activation) {
  return activation.negative_slope ? normalised(x, y, *activation.negative_slope) : activation.apply(forward(x, y));
}

}  // namespace obverse
