#pragma once

#include <string>
#include <vector>

#include "obverse/games/recipe.h"

namespace CLI {
class App;
}

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

/// What the command line says of targets.
struct TargetChoice {
  std::vector<std::string> images;  // files and folders
  std::string data, label;
  int64_t count = 64, own = 0;
  bool resize = false;
};

/// A class of the model by its name or number. Throws UserError naming `option` when there is none such.
int64_t class_index(const LatentModel& model, const std::string& wanted, const std::string& option = "--class");

/// The options of a command that fill a choice: images, --data, --count, --own, --class, --resize.
void add_target_options(CLI::App& app, TargetChoice& choice);

/// The targets of a choice; `rng` draws the model's own samples. Throws UserError when it contradicts itself, or the
/// class is none of the model's.
Targets choose_targets(const TargetChoice& choice, LoadedModel& model, Rng& rng);

/// PNG and JPEG files, or folders of them, as the model's domain: grey and colour are converted into each other, sizes
/// only when `resize` is set. Throws UserError with every file's problem, a line each.
Targets read_targets(const std::vector<std::string>& paths, const Domain& domain, bool resize);

/// The first `count` test samples (0: all) of a data set; empty name: of the data that the model was trained on.
Targets load_targets(const std::string& name, int64_t count, const LoadedModel& model);

/// What a model was trained on; where another data set is named, that one, of which the model's size alone is asked.
DataOptions data_named(const std::string& name, const DataOptions& own);

/// `count` samples of the model's own.
Targets own_targets(LatentModel& model, int64_t count, Rng& rng);

}  // namespace obverse
