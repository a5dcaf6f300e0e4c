#include "obverse/core/named_tensors.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <map>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"

namespace obverse {

static std::string shape_text(const at::Tensor& t) {
  std::string text;
  for (const int64_t size : t.sizes()) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return fmt::format("[{}] {}", text, c10::toString(t.scalar_type()));
}

const at::Tensor& find_tensor(const NamedTensors& tensors, const std::string& name, const std::string& where) {
  for (const auto& [key, tensor] : tensors)
    if (key == name) return tensor;
  fail("{}: no tensor '{}'", where, name);
}

void copy_named(const NamedTensors& target, const NamedTensors& source, const std::string& where) {
  std::map<std::string, at::Tensor> found(source.begin(), source.end());
  for (const auto& [name, tensor] : target) {
    const auto it = found.find(name);
    if (it == found.end()) fail("{}: tensor '{}' is missing: the file does not fit this model", where, name);
    if (it->second.sizes() != tensor.sizes() || it->second.scalar_type() != tensor.scalar_type())
      fail("{}: tensor '{}' is {}, the model needs {}", where, name, shape_text(it->second), shape_text(tensor));
  }
  if (source.size() != target.size())
    fail("{}: holds {} tensors, the model has {}: the file does not fit this model", where, source.size(),
         target.size());
  without_grad([&] {
    for (const auto& [name, tensor] : target) tensor.copy_(found.at(name));
    return 0;
  });
}

}  // namespace obverse
