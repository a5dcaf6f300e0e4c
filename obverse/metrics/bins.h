#pragma once

#include <ATen/core/Tensor.h>

#include "obverse/core/rng.h"

namespace obverse {

/// k-means: centres [K, F] float32 after k-means++ (Arthur 2007, on at most 10,000 rows) and at most 30 rounds of
/// Lloyd's (1982). x: [N, F] of K rows or more.
at::Tensor k_means(const at::Tensor& x, int64_t k, Rng& rng);

/// Index of each row's nearest centre: int64 [N].
at::Tensor nearest_centre(const at::Tensor& x, const at::Tensor& centres);

struct BinDifference {
  double different = 0;       // share of bins whose proportions differ at the 5 % level: NDB / K
  double jensen_shannon = 0;  // divergence of the two histograms, in nats
};

/// Richardson 2018, section 3: a two-proportion z-test in each bin. real, fake: [K] counts.
BinDifference compare_bins(const at::Tensor& real, const at::Tensor& fake);

}  // namespace obverse
