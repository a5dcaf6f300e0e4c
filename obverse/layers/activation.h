#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

namespace obverse {

struct Activation {
  std::string name, source;
  at::Tensor (*apply)(const at::Tensor& x);
  std::optional<double> negative_slope = {};  // of two straight lines that meet at 0, the one above being x itself
};

/// relu, leaky_relu (slope 0.2), tanh, softplus.
const std::vector<Activation>& activation_table();

}  // namespace obverse
