#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "obverse/data/dataset.h"

namespace obverse {

/// A space of codes: its name ("z", later "w", "w+"), the shape of one code; the prior is standard normal.
struct LatentSpace {
  std::string name;
  std::vector<int64_t> shape;
};

/// Latent code to data and back. A model offers what it has; what it lacks is a UserError that says so.
class LatentModel {
 public:
  virtual ~LatentModel() = default;
  virtual const Domain& domain() const = 0;
  virtual std::vector<LatentSpace> spaces() const = 0;
  /// Number of classes that decode needs a label of; 0: unconditional.
  virtual int64_t classes() const { return 0; }

  /// code: [N, ...] of spaces()[0], y: [N] int64 or undefined; returns x [N, ...]. Differentiable in `code`; weights
  /// frozen.
  virtual at::Tensor decode(const at::Tensor& code, const at::Tensor& y) = 0;

  virtual bool can_encode() const { return false; }
  /// x: [N, ...]; returns codes [N, ...].
  virtual at::Tensor encode(const at::Tensor& x, const at::Tensor& y);

  virtual bool has_features() const { return false; }
  /// Penultimate features of the discriminator [N, F], differentiable in x.
  virtual at::Tensor features(const at::Tensor& x);

  std::string name;  // where it was loaded from
  std::string hash;  // SHA-256 of the model file
};

/// n latents for seeds; the same seed gives the same latent in any batch. trunc: scales them (psi; 1 = as drawn).
at::Tensor latents_for_seeds(const LatentModel& model, const std::vector<uint64_t>& seeds, double trunc = 1);

/// decode without gradients in slices of a fixed size, so that an image hardly depends on how many are asked for.
at::Tensor decode_all(LatentModel& model, const at::Tensor& code, const at::Tensor& y, int64_t slice = 64);

/// n samples of the model from its prior: latents from `rng`, labels (where needed) uniform over the classes.
Batch sample(LatentModel& model, int64_t n, Rng& rng);

}  // namespace obverse
