#include "obverse/models/prior.h"

#include <ATen/ATen.h>

#include <cmath>

namespace obverse {

const std::vector<Prior>& prior_table() {
  static const std::vector<Prior> table = {
      {"normal", "N(0, 1)", [](const at::Tensor& n) { return n; }, [](const at::Tensor& raw) { return raw; }},
      {"uniform", "U(-1, 1); Radford 2016, Donahue 2017", [](const at::Tensor& n) { return at::erf(n * M_SQRT1_2); },
       [](const at::Tensor& raw) { return at::tanh(raw * 0.5); }, 1},
  };
  return table;
}

}  // namespace obverse
