#pragma once

#include "obverse/core/rng.h"
#include "obverse/data/factors.h"

namespace obverse {

/// How far the numbers of codes stand for one known factor each. code: [N, d] of N samples, in the factors' order.
/// Values in [0, 1]; 1 is perfect.

/// The mutual information gap (Chen 2018, eq. 6): how much more the best number of a code tells of a factor than the
/// second best, over the factor's entropy; mean over factors. Codes are cut into 20 equal bins each, as by Locatello
/// 2019.
double mutual_information_gap(const at::Tensor& code, const FactorTable& factors);

/// Eastwood 2018: from the weights of sparse linear maps (lasso, on a half of the samples) of standardised codes to
/// each value of each factor. Disentanglement: whether a number of the code serves one factor; completeness: whether a
/// factor is served by one number; informativeness: how far its share of factors read right, on the other half, is from
/// guessing to perfect.
struct Dci {
  double disentanglement = 0, completeness = 0, informativeness = 0;
};
Dci dci(const at::Tensor& code, const FactorTable& factors);

/// Separated attribute predictability (Kumar 2018): the gap of accuracies with which the best and the second best
/// number of a code alone tell a factor; mean over factors. The classifier is the commonest value in each of 20 equal
/// bins, where the paper has a linear one: learned on a half of the samples, judged on the other.
double attribute_predictability(const at::Tensor& code, const FactorTable& factors);

/// Kim 2018, section 4: in batches of 64 samples that share a factor's value, which number varies least, over its
/// variance in all? The share of votes that a majority vote of numbers for factors gets right; it learns from 800
/// batches and is judged on 800 more. Numbers that hardly vary at all (under 0.05 of the widest) are left out.
double factor_vae_score(const at::Tensor& code, const FactorTable& factors, Rng& rng);

}  // namespace obverse
