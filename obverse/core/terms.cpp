#include "obverse/core/terms.h"

#include <ATen/ATen.h>

#include "obverse/core/error.h"

namespace obverse {

at::Tensor Terms::total() const {
  if (terms_.empty()) throw std::logic_error("a loss without terms");
  at::Tensor sum = terms_.front().second;
  for (size_t i = 1; i < terms_.size(); ++i) sum = sum + terms_[i].second;
  return sum;
}

template <class F>
static double mean(const at::Tensor& x, const F& f) {
  const at::Tensor plain = x.detach().to(at::kFloat).contiguous();
  const float* values = plain.data_ptr<float>();
  double sum = 0;
  for (int64_t i = 0; i < plain.numel(); ++i) sum += f(values[i]);
  return sum / static_cast<double>(std::max<int64_t>(1, plain.numel()));
}

double mean_of(const at::Tensor& x) {
  return mean(x, [](float v) { return static_cast<double>(v); });
}
double mean_sign_of(const at::Tensor& x) {
  return mean(x, [](float v) { return static_cast<double>((v > 0) - (v < 0)); });
}

}  // namespace obverse
