#pragma once

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace obverse {

using Variables = torch::autograd::variable_list;

/// An operation of kernels written here, as automatic differentiation sees it. Its first derivatives are kernels too;
/// where a derivative must be differentiable itself, the same function by LibTorch's operations is differentiated.
class FusedNode : public torch::autograd::Node {
 public:
  explicit FusedNode(const Variables& inputs);
  Variables apply(Variables&& given) final;
  void release_variables() override { inputs_.clear(); }

 protected:
  /// given: gradients of the outputs, undefined where zero. Returns those of the inputs, undefined where not wanted.
  virtual Variables quick(const Variables& inputs, const Variables& given) = 0;
  /// The outputs by LibTorch's operations.
  virtual Variables plain(const Variables& inputs) = 0;
  bool wanted(size_t input) const { return wanted_[input]; }
  bool any_wanted(size_t first) const {
    return std::find(wanted_.begin() + first, wanted_.end(), true) != wanted_.end();
  }

 private:
  Variables differentiable(const Variables& inputs, const Variables& given);
  std::vector<torch::autograd::SavedVariable> inputs_;
  std::vector<bool> wanted_;
};

/// Makes `outputs` those of an N, built from `inputs` and `more`, when any input requires a gradient. Returns it, or
/// nullptr.
template <class N, class... More>
std::shared_ptr<N> record(const Variables& inputs, const Variables& outputs, More&&... more) {
  if (!torch::autograd::compute_requires_grad(inputs)) return nullptr;
  std::shared_ptr<N> node(new N(inputs, std::forward<More>(more)...), torch::autograd::deleteNode);
  node->set_next_edges(torch::autograd::collect_next_edges(inputs));
  for (at::Tensor output : outputs) torch::autograd::set_history(output, node);
  return node;
}

}  // namespace obverse
