#include "obverse/train/adam.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/autograd.h"
#include "obverse/core/vectorised.h"

namespace obverse {
namespace {

struct Coefficients {
  double lr, beta1, beta2, eps, weight_decay, correction1, correction2;
};

// One fused pass over a parameter.
OBVERSE_VECTORISED void update(float* __restrict p, const float* __restrict g, float* __restrict m, float* __restrict v,
                               int64_t n, const Coefficients& c) {
  const float beta1 = c.beta1, beta2 = c.beta2, eps = c.eps, decay = c.weight_decay;
  const float rate = c.lr / c.correction1, scale = 1 / std::sqrt(c.correction2);
  for (int64_t i = 0; i < n; ++i) {
    const float grad = g[i] + decay * p[i];
    m[i] = beta1 * m[i] + (1 - beta1) * grad;
    v[i] = beta2 * v[i] + (1 - beta2) * grad * grad;
    p[i] -= rate * m[i] / (std::sqrt(v[i]) * scale + eps);
  }
}

// The same with the steps themselves, u / lr, from the last in `before` to this: p -= lr (2 u - before).
OBVERSE_VECTORISED void update_optimistically(float* __restrict p, const float* __restrict g, float* __restrict m,
                                              float* __restrict v, float* __restrict before, bool first, int64_t n,
                                              const Coefficients& c) {
  const float beta1 = c.beta1, beta2 = c.beta2, eps = c.eps, decay = c.weight_decay, lr = c.lr;
  const float rate = 1 / c.correction1, scale = 1 / std::sqrt(c.correction2);
  for (int64_t i = 0; i < n; ++i) {
    const float grad = g[i] + decay * p[i];
    m[i] = beta1 * m[i] + (1 - beta1) * grad;
    v[i] = beta2 * v[i] + (1 - beta2) * grad * grad;
    const float step = rate * m[i] / (std::sqrt(v[i]) * scale + eps);
    p[i] -= lr * (2 * step - (first ? step : before[i]));
    before[i] = step;
  }
}

OBVERSE_VECTORISED void clip(float* p, int64_t n, float limit) {
  for (int64_t i = 0; i < n; ++i) p[i] = std::min(std::max(p[i], -limit), limit);
}

OBVERSE_VECTORISED double squares(const float* g, int64_t n) {
  constexpr int64_t kLanes = 32;
  float lanes[kLanes] = {};
  double sum = 0;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int64_t j = 0; j < kLanes; ++j) lanes[j] += g[i + j] * g[i + j];
  for (; i < n; ++i) sum += static_cast<double>(g[i]) * g[i];
  for (const float lane : lanes) sum += lane;
  return sum;
}

}  // namespace

Adam::Adam(NamedTensors parameters, const OptimiserOptions& options, bool optimistic)
    : parameters_(std::move(parameters)), options_(options) {
  for (const auto& [name, p] : parameters_) {
    first_.push_back(at::zeros(p.sizes(), at::kFloat));
    second_.push_back(at::zeros(p.sizes(), at::kFloat));
    steps_.push_back(at::zeros({}, at::kLong));
    if (optimistic) before_.push_back(at::zeros(p.sizes(), at::kFloat));
  }
}

void Adam::clear_gradients() {
  for (auto& [name, p] : parameters_) p.mutable_grad().reset();
}

double Adam::step(double progress) {
  double sum = 0;
  without_grad([&] {
    for (size_t i = 0; i < parameters_.size(); ++i) {
      at::Tensor& p = parameters_[i].second;
      if (!p.grad().defined()) continue;
      const at::Tensor g = p.grad().strides() == p.strides() ? p.grad() : at::empty_like(p).copy_(p.grad());
      const double t = static_cast<double>(++*steps_[i].data_ptr<int64_t>());
      const double beta2 = options_.beta2.at(progress);
      const Coefficients c{lr(progress),          options_.beta1,        beta2,
                           options_.eps,          options_.weight_decay, 1 - std::pow(options_.beta1, t),
                           1 - std::pow(beta2, t)};
      float *weights = p.data_ptr<float>(), *m = first_[i].data_ptr<float>(), *v = second_[i].data_ptr<float>();
      const float* grad = g.data_ptr<float>();
      sum += squares(grad, p.numel());
      float* before = before_.empty() ? nullptr : before_[i].data_ptr<float>();
      at::parallel_for(0, p.numel(), 1 << 15, [&](int64_t a, int64_t b) {
        if (before)
          update_optimistically(weights + a, grad + a, m + a, v + a, before + a, t == 1, b - a, c);
        else
          update(weights + a, grad + a, m + a, v + a, b - a, c);
        if (options_.clip_weights > 0) clip(weights + a, b - a, static_cast<float>(options_.clip_weights));
      });
      p.unsafeGetTensorImpl()->bump_version();  // changed behind LibTorch's back
    }
    return 0;
  });
  clear_gradients();
  return std::sqrt(sum);
}

NamedTensors Adam::state(const std::string& prefix) const {
  NamedTensors result;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const std::string name = prefix + parameters_[i].first;
    result.emplace_back(name + ".first_moment", first_[i]);
    result.emplace_back(name + ".second_moment", second_[i]);
    result.emplace_back(name + ".steps", steps_[i]);
    if (!before_.empty()) result.emplace_back(name + ".step_before", before_[i]);
  }
  return result;
}

}  // namespace obverse
