#pragma once

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <memory>
#include <utility>
#include <vector>

namespace obverse {

using Variables = torch::autograd::variable_list;

/// An operation written here, as automatic differentiation sees it. LibTorch's own way to write one keeps nothing but
/// tensors and takes a fixed number of them.
class OwnNode : public torch::autograd::Node {
 public:
  explicit OwnNode(const Variables& inputs);
  Variables apply(Variables&& given) final;
  void release_variables() override { inputs_.clear(); }

 protected:
  /// given: gradients of the outputs, undefined where zero. Returns those of the inputs, undefined where not wanted;
  /// made of differentiable operations when gradients are recorded.
  virtual Variables slopes(const Variables& inputs, const Variables& given) = 0;
  /// Whether the gradients being computed right now include or need that of this input.
  bool wanted(size_t input) const { return task_should_compute_output(input); }
  bool any_wanted(size_t first) const {
    for (size_t i = first; i < inputs_.size(); ++i)
      if (wanted(i)) return true;
    return false;
  }

 private:
  std::vector<torch::autograd::SavedVariable> inputs_;
};

/// One whose first derivatives are kernels; where a derivative must be differentiable itself, the same function by
/// LibTorch's operations is differentiated.
class FusedNode : public OwnNode {
 public:
  using OwnNode::OwnNode;

 protected:
  virtual Variables quick(const Variables& inputs, const Variables& given) = 0;
  /// The outputs by LibTorch's operations.
  virtual Variables plain(const Variables& inputs) = 0;
  /// An N may do better than `plain` where its second derivatives are kernels too.
  Variables slopes(const Variables& inputs, const Variables& given) override;
};

/// Makes `outputs` those of an N, built from `inputs` and `more`, when any input requires a gradient.
template <class N, class... More>
void record(const Variables& inputs, const Variables& outputs, More&&... more) {
  if (!torch::autograd::compute_requires_grad(inputs)) return;
  std::shared_ptr<N> node(new N(inputs, std::forward<More>(more)...), torch::autograd::deleteNode);
  node->set_next_edges(torch::autograd::collect_next_edges(inputs));
  for (at::Tensor output : outputs) torch::autograd::set_history(output, node);
}

}  // namespace obverse
