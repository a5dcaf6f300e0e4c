#include "obverse/layers/fourier_features.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

namespace obverse {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// sin(x) and cos(x), each the other's derivative, so that none is computed twice.
struct SineAndCosine : torch::autograd::Function<SineAndCosine> {
  static variable_list forward(AutogradContext* context, const at::Tensor& x) {
    variable_list result = {x.sin(), x.cos()};
    context->save_for_backward(result);
    return result;
  }
  static variable_list backward(AutogradContext* context, variable_list slopes) {
    const variable_list saved = context->get_saved_variables();
    return {slopes[0] * saved[1] - slopes[1] * saved[0]};
  }
};

}  // namespace

FourierFeatures::FourierFeatures(int64_t inputs, int64_t count, double longest, Rng& rng) {
  const at::Tensor direction = rng.normal({inputs, count});
  const at::Tensor length = at::exp(rng.uniform({count}) * std::log(longest));
  buffer("weight", weight_, direction / direction.norm(2, 0) * length);
}

at::Tensor fourier_features(const at::Tensor& x, const at::Tensor& weight) {
  const variable_list waves = SineAndCosine::apply(at::matmul(x, weight));
  return at::cat({x, waves[0], waves[1]}, 1);
}

}  // namespace obverse
