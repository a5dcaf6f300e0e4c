#pragma once

#include "obverse/layers/init.h"
#include "obverse/layers/module.h"

namespace obverse {

/// Salimans 2016, section 3.2: features f(x_i) times a learned tensor T give a matrix M_i of `kernels` rows of
/// `numbers`; the b-th of the new features is the sum over the other samples j of exp(-|M_ib - M_jb|_1): how close the
/// rest of the batch is. The paper's sum counts the sample itself too, which adds 1 everywhere.
class MinibatchDiscrimination : public Module {
 public:
  MinibatchDiscrimination(int64_t features, int64_t kernels, int64_t numbers, const Init& init, Rng& rng);
  at::Tensor forward(const at::Tensor& h);  // [N, features] -> [N, features + kernels], float32 (float64)

 private:
  int64_t kernels_, numbers_;
  at::Tensor weight_;  // T: [features, kernels * numbers]
};

}  // namespace obverse
