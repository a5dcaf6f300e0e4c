#pragma once

#include "obverse/core/named_tensors.h"
#include "obverse/models/latent_model.h"

namespace obverse {

/// Codes in a .npz: "z", "y" where the model is conditional, "model_hash" (the model file's SHA-256, bytes of text),
/// "space" where they are not of z, and whatever else is known of them.
struct Latents {
  at::Tensor code;  // [N, ...] of the model's first space
  at::Tensor y;     // [N] int64; undefined when the model is unconditional
};

/// code: [..., code's shape], y: as many labels, or undefined.
void write_latents(const std::string& path, const LatentModel& model, const Latents& latents,
                   const NamedTensors& more = {});

/// Throws UserError when `hash`, read from the file `path`, is not the model's.
void check_model_hash(const std::string& hash, const LatentModel& model, const std::string& path);

/// The space that a file's codes are of: "z", or what in_space takes.
std::string space_of_latents(const std::string& path);

/// Reads them back, all but the code's own axes made one. Throws UserError when the file is damaged, holds no codes of
/// the model's shape, numbers that are not finite, labels that are missing or out of range, or another model's hash.
Latents read_latents(const std::string& path, const LatentModel& model);

}  // namespace obverse
