#pragma once

#include <ATen/core/Tensor.h>

namespace obverse {

struct ClassShares {
  at::Tensor shares;     // float64 [K]: of samples by their likeliest class
  double confident = 0;  // share of samples whose likeliest class has a probability of at least the threshold
};

/// What a classifier sees in samples. logits: [N, K].
ClassShares class_shares(const at::Tensor& logits, double threshold = 0.9);

}  // namespace obverse
