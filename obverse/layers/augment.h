#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "obverse/core/rng.h"

namespace obverse {

/// A random change of images [N, C, H, W] in [-1, 1], another one each image, differentiable any number of times in x.
/// What D is shown of generated images is changed likewise, so that G learns the unchanged ones.
struct AugmentRow {
  std::string name, source;
  at::Tensor (*apply)(const at::Tensor& x, Rng& rng);
};

/// colour, translation, cutout: Zhao 2020 (DiffAugment); flip and shift: Zhang 2020 (CR-GAN).
const std::vector<AugmentRow>& augment_table();

/// The rows named in `changes`, one after another. Throws UserError where one is no row.
at::Tensor augmented(at::Tensor x, const std::vector<std::string>& changes, Rng& rng);

/// Karras 2020 (ADA), appendix B: each of its geometric and colour transforms by chance p in [0, 1], hue and saturation
/// for three channels, no colour at all for other numbers than 1 and 3. At p = 0 x itself. Deviates in interpolating
/// bilinearly, without the paper's wavelet filter. x: [N, C, H, W].
at::Tensor adaptive_augment(const at::Tensor& x, double p, Rng& rng);

}  // namespace obverse
