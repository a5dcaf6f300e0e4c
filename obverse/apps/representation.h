#pragma once

#include <string>
#include <vector>

#include "obverse/apps/detection.h"
#include "obverse/games/recipe.h"

namespace obverse {

/// What some way of looking makes of a data set's training and test samples.
struct Representation {
  std::string name;        // "codes of runs/00000-bigan-mnist"
  at::Tensor train, test;  // [N, F], [M, F] float32
};

/// Pixels (or points) themselves, and their first `components` principal components.
std::vector<Representation> plain_representations(const Dataset& train, const Dataset& test, int64_t components);

/// Of one model: inferred codes and the encoder's hidden features, the same of the untrained encoder, and the features
/// of a discriminator of samples where the model has one beside its encoder. label: how the model is called. Throws
/// UserError when the model cannot encode or is conditional, or the data are of another domain.
std::vector<Representation> model_representations(const LoadedModel& loaded, const std::string& label,
                                                  const Dataset& train, const Dataset& test, uint64_t seed);

struct ProbeOptions {
  std::vector<int64_t> few = {10, 100, 1000};  // labels, evenly over the classes
  int64_t draws = 5;                           // of the few labels
  int64_t neighbours = 5;
  uint64_t seed = 0;
};

/// Accuracy of a linear probe that knows so many labels: mean and standard deviation over draws of them.
struct FewLabels {
  int64_t labels = 0;
  double mean = 0, deviation = 0;
};

/// Shares of test samples whose label is read right, with Wilson's intervals.
struct ProbeResult {
  std::string name;
  int64_t width = 0;
  Share nearest, neighbours, linear;
  std::vector<FewLabels> few;  // those there are samples for
};
ProbeResult probe(const Representation& r, const at::Tensor& train_labels, const at::Tensor& test_labels,
                  int64_t classes, const ProbeOptions& options);

}  // namespace obverse
