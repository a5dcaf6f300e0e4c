#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace obverse {

/// While one lives, layers on this thread report each pass: what `obverse explain` counts.
class Trace {
 public:
  struct Pass {
    at::Tensor weight;            // names the layer
    std::vector<int64_t> output;  // its shape, samples first
    double flops = 0;             // additions and multiplications, of the whole batch
  };
  Trace();
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;
  const std::vector<Pass>& passes() const { return passes_; }

  static bool on() { return current_ != nullptr; }
  /// Called by a layer with parameters; nothing happens where nobody listens.
  static void report(const at::Tensor& weight, const at::Tensor& output, double flops) {
    if (current_) current_->passes_.push_back({weight, output.sizes().vec(), flops});
  }

 private:
  static thread_local Trace* current_;
  Trace* outer_;
  std::vector<Pass> passes_;
};

}  // namespace obverse
