#include "obverse/layers/fused_node.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

namespace obverse {

OwnNode::OwnNode(const Variables& inputs) {
  for (const at::Tensor& v : inputs) inputs_.emplace_back(v, /*is_output=*/false);
}

Variables OwnNode::apply(Variables&& given) {
  if (std::none_of(given.begin(), given.end(), [](const at::Tensor& g) { return g.defined(); }))
    return Variables(inputs_.size());
  Variables inputs;
  for (auto& v : inputs_) inputs.push_back(v.unpack());
  return slopes(inputs, given);
}

// The inputs are hidden behind views: a node that the engine is in the middle of must not be entered again.
Variables FusedNode::slopes(const Variables& inputs, const Variables& given) {
  if (!c10::GradMode::is_enabled()) return quick(inputs, given);
  Variables hidden, asked, reached, of;
  for (size_t i = 0; i < inputs.size(); ++i) {
    hidden.push_back(wanted(i) ? inputs[i].view_as(inputs[i]) : inputs[i]);
    if (wanted(i)) asked.push_back(hidden.back());
  }
  const Variables outputs = plain(hidden);
  for (size_t i = 0; i < outputs.size(); ++i)
    if (given[i].defined() && outputs[i].requires_grad()) reached.push_back(outputs[i]), of.push_back(given[i]);
  const Variables found = torch::autograd::grad(reached, asked, of, /*retain_graph=*/true, /*create_graph=*/true,
                                                /*allow_unused=*/true);
  Variables result;
  for (size_t i = 0, next = 0; i < inputs.size(); ++i) result.push_back(wanted(i) ? found[next++] : at::Tensor());
  return result;
}

}  // namespace obverse
