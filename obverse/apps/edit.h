#pragma once

#include "obverse/infer/optimise.h"

namespace obverse {

/// Codes on the way from a to b [D...], `frames` of them, both ends included: [frames, D...]. By straight lines, or on
/// the arc between them (Shoemake 1985), lengths going evenly from one to the other: codes of a normal prior keep a
/// usual length.
at::Tensor linear_path(const at::Tensor& a, const at::Tensor& b, int64_t frames);
at::Tensor spherical_path(const at::Tensor& a, const at::Tensor& b, int64_t frames);

/// The styles of `coarse` [N, L, w_dim] but for layers first .. last, which come from `fine`. Karras 2019.
at::Tensor mix_styles(const at::Tensor& coarse, const at::Tensor& fine, int64_t first, int64_t last);

struct LocalEdit {
  at::Tensor x, code;  // images [N, C, H, W], and the codes [N, ...] whose samples were taken under the mask
};

/// Codes brought back to where the model's prior has any: to its bounds, where it has such.
at::Tensor within_prior(const LatentModel& model, const at::Tensor& code);

/// Part of an image edited: the code is moved until the model makes the edited samples where the mask is 1 and the
/// originals where it is 0, and only what lies under the mask is taken of it. x: originals [N, C, H, W], code: edited
/// codes [N, ...], y: [N] or undefined, mask: [1, 1, H, W] in [0, 1]. Zhu 2016 (iGAN).
LocalEdit edit_locally(LatentModel& model, const at::Tensor& x, const at::Tensor& code, const at::Tensor& y,
                       const at::Tensor& mask, const OptimiseOptions& options, Rng& rng);

}  // namespace obverse
