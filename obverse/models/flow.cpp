#include "obverse/models/flow.h"

#include <ATen/ATen.h>

namespace obverse {

Flowed Sequence::forward(const at::Tensor& x) {
  Flowed result{x, at::zeros({x.size(0)}, x.options())};
  for (const auto& transform : transforms_) {
    const Flowed next = transform->forward(result.value);
    result = {next.value, result.log_det + next.log_det};
  }
  return result;
}

at::Tensor Sequence::inverse(const at::Tensor& z) {
  at::Tensor x = z;
  for (auto it = transforms_.rbegin(); it != transforms_.rend(); ++it) x = (*it)->inverse(x);
  return x;
}

const std::vector<NetworkRow<Transform>>& flow_table() {
  static const std::vector<NetworkRow<Transform>> table = {realnvp_flow(), glow_flow(), maf_flow(), iaf_flow()};
  return table;
}

}  // namespace obverse
