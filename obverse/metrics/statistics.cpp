#include <ATen/ATen.h>

#include <algorithm>

#include "obverse/core/error.h"
#include "obverse/core/named_tensors.h"
#include "obverse/io/npz.h"
#include "obverse/metrics/frechet.h"

namespace obverse {

static const at::Tensor* array_of(const NamedTensors& arrays, const std::string& name) {
  for (const auto& [key, array] : arrays)
    if (key == name) return &array;
  return nullptr;
}

bool is_statistics(const std::string& path) {
  if (path.size() < 4 || path.compare(path.size() - 4, 4, ".npz") != 0) return false;
  const NamedTensors arrays = read_npz(path);
  return array_of(arrays, "mu") && array_of(arrays, "sigma");
}

Moments read_statistics(const std::string& path) {
  const NamedTensors arrays = read_npz(path);
  const at::Tensor *mu = array_of(arrays, "mu"), *sigma = array_of(arrays, "sigma");
  if (!mu || !sigma) fail("{}: holds no mu and sigma: not a file of statistics", path);
  if (mu->dim() != 1 || sigma->dim() != 2 || sigma->size(0) != mu->size(0) || sigma->size(1) != mu->size(0))
    fail("{}: mu must be [F] and sigma [F, F]", path);
  const at::Tensor mean = mu->to(at::kDouble), covariance = sigma->to(at::kDouble);
  if (!(mean.sum() + covariance.sum()).isfinite().item<bool>()) fail("{}: holds values that are not finite", path);
  if (!at::allclose(covariance, covariance.t(), 1e-4, 1e-6)) fail("{}: sigma is not symmetric: not a covariance", path);
  const at::Tensor symmetric = (covariance + covariance.t()) / 2, eigenvalues = at::linalg_eigvalsh(symmetric);
  const double largest = eigenvalues.max().item<double>(), least = eigenvalues.min().item<double>();
  if (least < -1e-4 * std::max(largest, 0.0) || largest < 0)  // rounded to float32, a covariance has small ones below 0
    fail("{}: sigma has the eigenvalue {:.3g}: not a covariance", path, least);
  return {mean, symmetric};
}

}  // namespace obverse
