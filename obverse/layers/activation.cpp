#include "obverse/layers/activation.h"

#include <ATen/ATen.h>

#include "obverse/layers/leaky.h"

namespace obverse {

const std::vector<Activation>& activation_table() {
  static const std::vector<Activation> table = {
      {"relu", "max(x, 0)", [](const at::Tensor& x) { return leaky(x, 0); }, 0},
      {"leaky_relu", "x where positive, else 0.2 x", [](const at::Tensor& x) { return leaky(x, 0.2); }, 0.2},
      {"tanh", "hyperbolic tangent", [](const at::Tensor& x) { return at::tanh(x); }},
      {"softplus", "log(1 + exp(x)); smooth", [](const at::Tensor& x) { return at::softplus(x); }},
  };
  return table;
}

}  // namespace obverse
