#include "obverse/layers/module.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <functional>

namespace obverse {

static void collect(NamedTensors& into, NamedTensors from) {
  into.insert(into.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

NamedTensors Module::parameters(const std::string& prefix) const {
  NamedTensors result;
  for (const auto& [name, slot] : parameters_) result.emplace_back(prefix + name, *slot);
  for (const auto& [name, module] : children_) collect(result, module->parameters(prefix + name + "."));
  return result;
}

NamedTensors Module::buffers(const std::string& prefix) const {
  NamedTensors result;
  for (const auto& [name, slot] : buffers_) result.emplace_back(prefix + name, *slot);
  for (const auto& [name, module] : children_) collect(result, module->buffers(prefix + name + "."));
  return result;
}

NamedTensors Module::state(const std::string& prefix) const {
  NamedTensors result = parameters(prefix);
  collect(result, buffers(prefix));
  return result;
}

template <class F>
void Module::each(const F& f) {
  f(*this);
  for (const auto& [name, module] : children_) module->each(f);
}

void Module::train(bool on) {
  each([&](Module& m) { m.training_ = on; });
}
void Module::track(bool on) {
  each([&](Module& m) { m.tracking_ = on; });
}
void Module::set_placement(const Placement& placement) {
  each([&](Module& m) { m.placement_ = placement; });
}
void Module::set_requires_grad(bool on) {
  each([&](Module& m) {
    for (const auto& [name, slot] : m.parameters_)
      if (slot->requires_grad() != (on && !m.held_)) slot->set_requires_grad(on && !m.held_);
  });
}

int64_t Module::hold_layers(int64_t n) {
  int64_t seen = 0;
  const std::function<void(Module&)> visit = [&](Module& m) {
    for (const auto& [name, module] : m.children_) visit(*module);
    seen += std::any_of(m.parameters_.begin(), m.parameters_.end(), [](const auto& p) { return p.second->dim() > 1; });
    m.held_ = seen >= 1 && seen <= n;
  };
  visit(*this);
  set_requires_grad(true);
  return std::min(seen, n);
}

void Module::to_dtype(at::ScalarType dtype) {
  each([&](Module& m) {
    for (const auto& [name, slot] : m.parameters_) {
      const bool learning = slot->requires_grad();
      *slot = slot->detach().to(dtype).set_requires_grad(learning);
    }
    for (const auto& [name, slot] : m.buffers_)
      if (slot->is_floating_point()) *slot = slot->to(dtype);
  });
}

at::Tensor& Module::parameter(const std::string& name, at::Tensor& slot, at::Tensor value) {
  slot = std::move(value);
  slot.set_requires_grad(true);
  parameters_.emplace_back(name, &slot);
  return slot;
}

at::Tensor& Module::buffer(const std::string& name, at::Tensor& slot, at::Tensor value) {
  slot = std::move(value);
  buffers_.emplace_back(name, &slot);
  return slot;
}

}  // namespace obverse
