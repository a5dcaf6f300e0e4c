#pragma once

#include "obverse/models/latent_model.h"

namespace obverse {

/// Pictures of a run: a grid of images, or points drawn in the plane. Fixed latents, so that pictures can be compared.
class SnapshotGrid {
 public:
  SnapshotGrid(const LatentModel& model, uint64_t seed);
  /// For models that translate: from now on images of either class of the data, each with its translation beside it.
  void translate(const Dataset& data);
  /// uint8 [C, H, W] of the model's samples.
  at::Tensor draw(LatentModel& model) const;
  /// The same picture of real samples: x [N, ...], y [N] or undefined.
  at::Tensor draw_real(const Batch& real) const;
  /// Rows of spherical interpolations between pairs of latents.
  at::Tensor draw_interpolations(LatentModel& model) const;
  /// The model's first samples themselves, [n, ...].
  at::Tensor samples(LatentModel& model, int64_t n) const;
  int64_t count() const { return count_; }

 private:
  int64_t rows_ = 8, columns_ = 12, count_ = 96;
  at::Tensor z_, y_;
  bool shows_codes_ = false;
};

/// Points [N, 2] as a picture of `side` pixels covering [-extent, extent]^2; uint8 [1, side, side].
at::Tensor draw_points(const at::Tensor& points, double extent, int64_t side = 400);

/// Spherical interpolation between a and b [N, D] at share t, along the great circle and linearly in the norm.
at::Tensor slerp(const at::Tensor& a, const at::Tensor& b, double t);

}  // namespace obverse
