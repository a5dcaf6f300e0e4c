#pragma once

#include <ATen/core/Tensor.h>

#include "obverse/core/rng.h"

namespace obverse {

struct Memorisation {
  double authenticity = 0;   // share of generated samples that are further from their nearest training sample than that
                             // one is from its own nearest other (Alaa 2022, section 4); about 0.5 for fresh data
  double copies = 0;         // share of generated samples nearer to a training sample than 99 % of training samples are
                             // to each other; about 0.01 for fresh data
  double duplicates = 0;     // the same among the generated samples themselves; grows with their number
  double nearest_ratio = 0;  // median distance to the nearest training sample, over that of training samples themselves
};

/// train: [N, F], fake: [M, F].
Memorisation memorisation(const at::Tensor& train, const at::Tensor& fake);

/// C_T of Meehan 2020, section 4: in each of `cells` k-means cells of the training samples, the z-score of Mann and
/// Whitney's U between the distances of generated and of test samples to the cell's nearest training sample; averaged
/// by the test samples' shares of the cells. Far below 0 (-3): generated samples sit nearer to the training samples
/// than unseen data do, that is, they are copied; far above 0: the model misses the data. Cells with fewer than 20
/// generated samples, or without test or training samples, are left out. NaN when none is left.
double copying_score(const at::Tensor& train, const at::Tensor& test, const at::Tensor& fake, int64_t cells, Rng& rng);

/// z-score of Mann and Whitney's U (1947): how far the values of `a` stand above those of `b`; ties count half. [N],
/// [M].
double mann_whitney_z(const at::Tensor& a, const at::Tensor& b);

}  // namespace obverse
