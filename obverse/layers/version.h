#pragma once

#include <ATen/core/Tensor.h>

namespace obverse {

/// Of a tensor that something was made of: where it lies, how often it has changed.
struct Version {
  const void* of = nullptr;
  int64_t number = -1;

  /// Whether `tensor` is as it was when last asked; from now on it is.
  bool is(const at::Tensor& tensor) {
    const Version now{tensor.data_ptr(), tensor._version()};
    if (of == now.of && number == now.number) return true;
    *this = now;
    return false;
  }
};

}  // namespace obverse
