#pragma once

#include <ATen/core/Tensor.h>

namespace obverse {

/// While one lives, convolutions and linear layers multiply their biases by `unit` [N], all ones, a factor a sample:
/// then a network of them and of leaky units is homogeneous in its input and the unit together, and Euler's theorem
/// gives its value from its gradient. Nothing is computed differently; only gradients with respect to the unit become
/// known.
class BiasUnit {
 public:
  explicit BiasUnit(const at::Tensor& unit);
  ~BiasUnit();
  BiasUnit(const BiasUnit&) = delete;
  BiasUnit& operator=(const BiasUnit&) = delete;

  /// That of the innermost one alive on this thread; undefined where there is none.
  static const at::Tensor& current();

 private:
  at::Tensor outer_;
};

}  // namespace obverse
