#pragma once

#include "obverse/metrics/features.h"
#include "obverse/models/latent_model.h"

namespace obverse {

/// Spherical interpolation of latents [N, ...] at t [N] in [0, 1] (Shoemake 1985); their norms are interpolated
/// linearly.
at::Tensor slerp(const at::Tensor& a, const at::Tensor& b, const at::Tensor& t);

/// Where a path runs: along the sphere between two z, or straight between what they are mapped to.
enum class PathSpace { z, w };

/// Perceptual path lengths (Karras 2019, eq. 2 and 3): |f(G(p(t))) - f(G(p(t + e)))|^2 / e^2 for n paths p between
/// pairs of latents, t uniform in [0, 1), e = 1e-4; samples are not rounded to bytes. The paper's distance is LPIPS,
/// the squared distance of VGG features; here it is that of the network given. Returns [n] float64.
at::Tensor path_lengths(LatentModel& model, FeatureNetwork& network, int64_t n, Rng& rng,
                        PathSpace space = PathSpace::z);

}  // namespace obverse
