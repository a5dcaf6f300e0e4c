#include "obverse/models/networks.h"

#include <ATen/ATen.h>

#include "obverse/core/autograd.h"

namespace obverse {

std::pair<at::Tensor, at::Tensor> Discriminator::forward_with_gradient(const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor point = x.requires_grad() ? x : x.detach().requires_grad_();
  const at::Tensor logits = forward(point, y);
  return {logits, gradient(logits, point, /*create_graph=*/true)};
}

}  // namespace obverse
