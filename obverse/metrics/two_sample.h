#pragma once

#include <ATen/core/Tensor.h>

#include "obverse/core/rng.h"

namespace obverse {

struct TwoSampleTest {
  double accuracy = 0;  // on held-out samples of both sets; 0.5: the sets cannot be told apart
  double p_value = 0;   // chance of such an accuracy, or a higher one, when both sets are of one distribution
  int64_t held_out = 0;
};

/// Classifier two-sample test (Lopez-Paz 2017): a network of one hidden layer (64 ReLU) learns to tell one half of x
/// from one half of y and is tested on the other halves, equally many of each. Under the null hypothesis the number of
/// right answers is binomial of 1/2; its tail by the normal distribution with a correction for continuity. x: [N, F],
/// y: [M, F] of 8 rows or more; of the larger set as many rows as the smaller has are drawn.
TwoSampleTest classifier_test(const at::Tensor& x, const at::Tensor& y, Rng& rng);

}  // namespace obverse
