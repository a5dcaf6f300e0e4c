#pragma once

#include <string>
#include <vector>

#include "obverse/games/recipe.h"

namespace obverse {

/// What is to be inverted.
struct Targets {
  at::Tensor x;                    // [N, ...] of the model's domain
  at::Tensor y;                    // [N] int64 classes; undefined when not known
  at::Tensor code;                 // [N, ...] true codes of the model's own samples, else undefined
  std::string what;                // "fashion-mnist test", "own samples", "files"
  std::vector<std::string> files;  // paths of images read; empty otherwise
  int64_t size() const { return x.size(0); }
};

/// PNG and JPEG files, or folders of them, as the model's domain: grey and colour are converted into each other, sizes
/// only when `resize` is set. Throws UserError with every file's problem, a line each.
Targets read_targets(const std::vector<std::string>& paths, const Domain& domain, bool resize);

/// The first `count` test samples (0: all) of a data set; empty name: of the data that the model was trained on.
Targets load_targets(const std::string& name, int64_t count, const LoadedModel& model);

/// `count` samples of the model's own.
Targets own_targets(LatentModel& model, int64_t count, Rng& rng);

}  // namespace obverse
