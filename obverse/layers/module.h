#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "obverse/core/named_tensors.h"
#include "obverse/core/placement.h"
#include "obverse/core/rng.h"

namespace obverse {

/// A tree of named parameters and buffers. LibTorch's own Module costs half again the compile time, draws initial
/// weights from a global generator, and has no notion of who may update statistics; this has just what players need.
class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  NamedTensors parameters(const std::string& prefix = "") const;  // "conv.weight", in order of registration
  NamedTensors buffers(const std::string& prefix = "") const;
  NamedTensors state(const std::string& prefix = "") const;  // both

  /// Training mode: batch norm normalises by the batch, else by its running statistics.
  void train(bool on = true);
  /// Whether running statistics and power iterations move now: only in the owner's main phase.
  void track(bool on);
  void set_placement(const Placement& placement);
  void set_requires_grad(bool on);
  /// The first n layers, in order of registration, never learn: set_requires_grad leaves them out. A layer is a module
  /// with a matrix or a kernel of its own, and whatever follows before the next. Returns how many there were, at most n.
  int64_t hold_layers(int64_t n);
  /// Replaces every floating-point parameter and buffer by one of another type: float64 for derivative checks. Tensors
  /// obtained before no longer belong to the module.
  void to_dtype(at::ScalarType dtype);

 protected:
  /// Adds a learnable float32 tensor.
  at::Tensor& parameter(const std::string& name, at::Tensor& slot, at::Tensor value);
  /// Adds a tensor that is saved but not learned.
  at::Tensor& buffer(const std::string& name, at::Tensor& slot, at::Tensor value);
  template <class M>
  std::shared_ptr<M> child(const std::string& name, std::shared_ptr<M> module) {
    children_.emplace_back(name, module);
    return module;
  }
  bool training() const { return training_; }
  bool tracking() const { return training_ && tracking_; }
  const Placement& placement() const { return placement_; }

 private:
  template <class F>
  void each(const F& f);
  std::vector<std::pair<std::string, at::Tensor*>> parameters_, buffers_;
  std::vector<std::pair<std::string, std::shared_ptr<Module>>> children_;
  bool training_ = true, tracking_ = true, held_ = false;
  Placement placement_;
};

}  // namespace obverse
