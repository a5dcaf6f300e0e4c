#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "obverse/core/rng.h"

namespace obverse {

/// Random numbers for what data sets are defined by: points, triples, splits. Made in float64 from the generator's bits
/// alone, so that they depend on neither the processor's vector units nor LibTorch's version.
class Draws {
 public:
  explicit Draws(const std::string& purpose) : rng_(0, purpose) {}
  double uniform();                   // [0, 1)
  int64_t integer(int64_t bound);     // 0 .. bound - 1
  double normal();                    // N(0, 1)
  at::Tensor permutation(int64_t n);  // of 0 .. n - 1, int64

 private:
  Rng rng_;
};

}  // namespace obverse
