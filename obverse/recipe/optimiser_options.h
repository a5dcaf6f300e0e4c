#pragma once

#include "obverse/recipe/fields.h"

namespace obverse {

/// Adam (Kingma 2015) with bias correction; epsilon is added outside the root.
struct OptimiserOptions : Options {
  Schedule lr = 2e-4;
  double beta1 = 0.5;
  Schedule beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;  // L2, added to the gradient
  double clip_weights = 0;  // every weight stays within +- this; Arjovsky 2017, algorithm 1
  void describe(Fields& f) override {
    f("lr", lr, "step size", kNotNegative);
    f("beta1", beta1, "decay of the gradient's moving average", {0, 0.9999});
    f("beta2", beta2, "decay of the squared gradient's moving average", {0, 0.999999});
    f("eps", eps, "added to the root of the second moment", kPositive);
    f("weight_decay", weight_decay, "L2 penalty added to the gradient", kNotNegative);
    f("clip_weights", clip_weights, "after each step every weight is brought within +- this (WGAN: 0.01); 0: off",
      kNotNegative);
  }
};

}  // namespace obverse
