#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace obverse {

struct Activation {
  std::string name, source;
  at::Tensor (*apply)(const at::Tensor& x);
};

/// relu, leaky_relu (slope 0.2), tanh, softplus.
const std::vector<Activation>& activation_table();

}  // namespace obverse
