#pragma once

#include <memory>

#include "obverse/models/latent_model.h"

namespace obverse {

/// The model with another of its spaces for codes: "z", as it is; of a generator with styles "w", or "w+", a w for each
/// layer (Abdal 2019). There a code c stands for w = mean + deviation c, both a number each over draws of the prior, so
/// that c has about the spread of the standard normal that stands for its prior: an approximation, because w is not
/// normal. Throws UserError when the model has no such space.
std::unique_ptr<LatentModel> in_space(std::unique_ptr<LatentModel> model, const std::string& space);

/// Codes of seeds, as latents_for_seeds draws them in z; of another space, what these are mapped to. y: [N] or
/// undefined.
at::Tensor codes_for_seeds(LatentModel& model, const std::vector<uint64_t>& seeds, const at::Tensor& y);

/// n codes that the model itself draws, by the prior of z; of another space, what these are mapped to. y: [n] or
/// undefined.
at::Tensor draw_codes(LatentModel& model, int64_t n, const at::Tensor& y, Rng& rng);

/// z, w, w+.
const std::vector<std::string>& space_names();

}  // namespace obverse
