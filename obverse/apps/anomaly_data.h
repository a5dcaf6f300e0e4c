#pragma once

#include <string>
#include <vector>

#include "obverse/games/recipe.h"

namespace obverse {

/// Normal samples: those to learn from, and those that the threshold is set by.
struct NormalData {
  std::string name;
  at::Tensor normal, held_out;  // [N, ...], [n, ...]
  bool seen = false;            // the model was trained on the held-out ones too
  std::vector<std::string> notices;
};

/// source: a data set's name or a path; empty: what the model was trained on, with its choice of classes. Held out is
/// what data.held_out kept from training; where it kept nothing, a tenth. Of a source with a class called good, the
/// samples of that class. Throws UserError when the data are not of the model's domain.
NormalData load_normal(const LoadedModel& model, const std::string& source);

/// Samples to score.
struct ScoredData {
  std::string name;
  at::Tensor x;                             // [N, ...]
  at::Tensor labels, anomalous;             // [N] int64, [N] bool; undefined where not known
  std::vector<std::string> classes;         // names of labels
  std::vector<std::string> names;           // of files; empty: there are none
  std::vector<std::string> normal_classes;  // names of those that are not anomalies
  std::vector<std::string> notices;
  std::string class_of(int64_t row) const;  // "" where it is not known
};

/// source: as above; empty: the test split of the model's data, all classes. The test split of a source that has one,
/// else all of it in its order. normal_classes: names; empty: the classes that the model was trained on, or good; where
/// there is neither, what is anomalous is not known. count: the first so many; 0: all.
ScoredData load_scored(const LoadedModel& model, const std::string& source,
                       const std::vector<std::string>& normal_classes, int64_t count);

}  // namespace obverse
