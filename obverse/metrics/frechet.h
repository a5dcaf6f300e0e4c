#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

#include "obverse/core/rng.h"

namespace obverse {

/// Mean and covariance of features that arrive in slices, in float64 (pairwise update of Chan 1979).
class Moments {
 public:
  Moments() = default;
  /// Those of a file, from an unknown number of samples (count() is 2, with this covariance). mean: [F], covariance [F,
  /// F].
  Moments(const at::Tensor& mean, const at::Tensor& covariance);
  /// features: [N, F] of any floating type. Throws UserError when a value is not finite.
  void add(const at::Tensor& features);
  /// Of the union of both.
  void add(const Moments& other);
  int64_t count() const { return count_; }
  const at::Tensor& mean() const { return mean_; }  // [F]
  at::Tensor covariance() const;                    // [F, F], divided by N - 1 as numpy.cov does; needs two samples

 private:
  void merge(int64_t count, const at::Tensor& mean, const at::Tensor& scatter);
  int64_t count_ = 0;
  at::Tensor mean_, scatter_;  // [F], [F, F]: sum of (x - mean)(x - mean)^T
};

/// A factor A of a covariance, A A^T = S: Cholesky's [F, F], or where S is singular [F, R] with R its rank, from
/// eigenvectors; eigenvalues that are rounding noise are left out.
at::Tensor covariance_factor(const at::Tensor& covariance);

/// Fréchet distance of two Gaussians (Dowson 1982; Heusel 2017, eq. 6):
/// |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1^{1/2} S2 S1^{1/2})^{1/2}.
/// The last trace is over the roots of the eigenvalues of A^T S2 A, with A A^T = S1, a symmetric matrix: a general
/// matrix square root is slower and turns complex on nearly singular covariances.
double frechet_distance(const Moments& a, const Moments& b);

/// The same with the factor of a's covariance at hand, for one reference against many.
double frechet_distance(const Moments& a, const at::Tensor& factor, const Moments& b);

/// Whether a file is an NPZ with arrays `mu` and `sigma`, as pytorch-fid and the diffusion evaluators write them.
bool is_statistics(const std::string& path);

/// Throws UserError naming the path when they are not [F] and a symmetric [F, F] of finite numbers.
Moments read_statistics(const std::string& path);

struct FrechetLimit {
  double value = 0;
  double standard_error = 0;  // jackknife; 0 when it was not asked for
};

/// FID-infinity (Chong 2020, section 4): the distance for infinitely many generated samples. The distance of N samples
/// is a line in 1 / N, fitted to 15 sizes from a tenth of the samples to all of them, drawn without replacement each
/// time. fake: [N, F], more than 10 F rows. The bias of the reference's own number of samples stays.
FrechetLimit frechet_limit(const Moments& reference, const at::Tensor& factor, const at::Tensor& fake, bool error,
                           Rng& rng);

}  // namespace obverse
