#pragma once

#include <ATen/core/Tensor.h>

namespace obverse {

// Distances are Euclidean and decided exactly, in float64, over all pairs; how that is made fast, and in little memory,
// is the matter of near_pairs.h.

/// Distance of each row to its k-th nearest other row: [N]. x: [N, F] with more than k rows.
at::Tensor neighbour_radii(const at::Tensor& x, int64_t k);

struct Nearest {
  at::Tensor distance;  // [N]
  at::Tensor row;       // int64 [N]: of y
};

/// The nearest row of y [M, F] to each row of x [N, F].
Nearest nearest_rows(const at::Tensor& x, const at::Tensor& y);

/// Below this distance a sample is a near copy: 99 % of real samples are further from their nearest other real sample.
/// radii: neighbour_radii(real, 1).
double near_copy_distance(const at::Tensor& radii);

struct PrecisionRecall {
  double precision = 0;     // share of generated samples inside the real manifold
  double recall = 0;        // share of real samples inside the generated manifold
  double recall_error = 0;  // standard error over draws of generated samples, jackknife by tenths, radii held fixed
};

/// Kynkäänniemi 2019, eq. 1 and 2: a manifold is the union of balls that reach to each sample's k-th neighbour, k = 3.
PrecisionRecall precision_recall(const at::Tensor& real, const at::Tensor& fake, int64_t k = 3);

struct DensityCoverage {
  double density = 0;         // mean number of real balls that a generated sample lies in, divided by k
  double density_error = 0;   // standard error of the density over the generated samples
  double coverage = 0;        // share of real balls with a generated sample inside
  double coverage_error = 0;  // standard error over draws of generated samples, jackknife by tenths
};

/// Naeem 2020, eq. 5 and 7, k = 5.
DensityCoverage density_coverage(const at::Tensor& real, const at::Tensor& fake, int64_t k = 5);

struct Diversity {
  double coverage = 0;        // of real balls, k = 5; about 0.97 for a perfect generator with as many samples
  double duplicate_rate = 0;  // share of generated samples with a near copy among the others; about 0.01 in real data
};

/// What a training monitor looks at. real, fake: [N, F], of about equal sizes.
Diversity diversity(const at::Tensor& real, const at::Tensor& fake);

}  // namespace obverse
