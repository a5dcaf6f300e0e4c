#pragma once

#include <ATen/core/Tensor.h>

namespace obverse {

struct ClassShares {
  at::Tensor shares;     // float64 [K]: of samples by their likeliest class
  double confident = 0;  // share of samples whose likeliest class has a probability of at least the threshold
};

/// What a classifier sees in samples. logits: [N, K].
ClassShares class_shares(const at::Tensor& logits, double threshold = 0.9);

struct InceptionScore {
  double value = 0;
  double standard_error = 0;  // from the spread of the parts
};

/// Salimans 2016: exp of the mean KL(p(y|x) || p(y)), the mean over ten parts of the samples as there; between 1 and K.
/// logits: [N, K] of 20 rows or more.
InceptionScore inception_score(const at::Tensor& logits);

}  // namespace obverse
