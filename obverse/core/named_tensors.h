#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

namespace obverse {

/// Tensors under their file names ("generator.head.weight"), in order.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// The tensor called `name`. Throws UserError naming `where` (a path) when there is none.
const at::Tensor& find_tensor(const NamedTensors& tensors, const std::string& name, const std::string& where);

/// Copies `source` into the tensors of `target` of the same name, in place. Throws UserError naming `where` when a name
/// is missing or surplus, or a shape or dtype differs: nothing is copied then.
void copy_named(const NamedTensors& target, const NamedTensors& source, const std::string& where);

}  // namespace obverse
