#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <vector>

#include "obverse/core/compat.h"

namespace obverse {

/// Gradients of the sum of `output` with respect to `inputs`. create_graph: they can be differentiated again.
/// An input that `output` does not depend on gets zeros.
std::vector<at::Tensor> gradients(const at::Tensor& output, const std::vector<at::Tensor>& inputs,
                                  bool create_graph = false);

/// As above for one input: [shape of input].
at::Tensor gradient(const at::Tensor& output, const at::Tensor& input, bool create_graph = false);

/// The result of `f`, computed without recording gradients.
template <class F>
auto without_grad(F&& f) {
  c10::AutoGradMode off(false);
  return f();
}

}  // namespace obverse
