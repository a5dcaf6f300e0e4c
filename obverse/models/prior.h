#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "obverse/core/rng.h"

namespace obverse {

/// How codes are distributed, their numbers independent of each other.
struct Prior {
  std::string name, source;
  at::Tensor (*from_normal)(const at::Tensor& normal);  // standard normal numbers to draws of the prior
  at::Tensor (*confine)(const at::Tensor& raw);         // a network's output to where the prior lies
  double bound = 0;                                     // numbers of a code lie within +- this; 0: anywhere
};

/// normal, uniform.
const std::vector<Prior>& prior_table();

}  // namespace obverse
