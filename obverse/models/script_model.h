#pragma once

#include <memory>

#include "obverse/models/latent_model.h"

namespace obverse {

/// A generator made elsewhere: a TorchScript file, whose card, the same path with .json for its extension, says what
/// the network takes and gives:
///   {"z_dim": 100, "prior": "normal", "classes": 10, "labels": "index", "output": "float"}
/// z_dim: numbers of a code; prior: a row of prior_table(); classes: how many, or their names (none: unconditional);
/// labels: "index", int64 [N], or "one-hot", float [N, classes]; output: "float" in [-1, 1], "unit" in [0, 1] or
/// "uint8". The shape of its samples is that of what it makes of the code 0. Throws UserError naming file and key.
std::unique_ptr<LatentModel> load_script_model(const std::string& path);

}  // namespace obverse
