#include "obverse/core/autograd.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

namespace obverse {

std::vector<at::Tensor> gradients(const at::Tensor& output, const std::vector<at::Tensor>& inputs, bool create_graph) {
  auto result = torch::autograd::grad({output.sum()}, inputs, {}, /*retain_graph=*/create_graph, create_graph,
                                      /*allow_unused=*/true);
  for (size_t i = 0; i < result.size(); ++i)
    if (!result[i].defined()) result[i] = at::zeros_like(inputs[i]);
  return result;
}

at::Tensor gradient(const at::Tensor& output, const at::Tensor& input, bool create_graph) {
  return gradients(output, {input}, create_graph).front();
}

}  // namespace obverse
