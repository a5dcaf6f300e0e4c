#pragma once

#include "obverse/games/recipe.h"
#include "obverse/infer/invert.h"
#include "obverse/metrics/evaluate.h"

namespace obverse {

/// Measures of a model that look at more than its samples.
struct ModelMetricOptions {
  InvertOptions invert;         // how codes are inferred
  int64_t inverted = 1000;      // held-out samples, and own samples, to invert; all there are at most
  std::string probe = "both";   // what labels are read off: codes, both (the encoder's features too: minutes), none
  int64_t bound_samples = 100;  // draws a sample for bounds of the likelihood
  uint64_t seed = 0;
};

struct ModelComparison {
  LoadedModel& loaded;
  const Dataset& train;
  const Dataset& test;
  FeatureNetwork& network;  // for distances in features
  const ModelMetricOptions& options;
};

struct ModelMetricRow {
  std::string name, source;
  std::vector<Figure> (*measure)(const ModelComparison& c);
};

/// inference: of held-out samples x and their codes E(x) the squared error, PSNR, SSIM (images of 11 pixels or more)
/// and the relative squared distance in the feature network; of mixtures the share of samples whose drawn codes decode
/// to their own mode; of the model's own samples G(z) the distance of codes, the share found within 0.1 (code_distance)
/// and the squared error; the squared MMD (cubic kernel) of codes against the prior; with labels, the accuracy of the
/// nearest neighbour and of a linear probe on the codes and on the encoder's penultimate features, an untrained
/// encoder's as floor; seconds a sample. likelihood: mean log p(x) of all test samples in nats, and in bits a number
/// for images: exact or a lower bound. translation: of held-out pairs, one of each class, the squared error and SSIM of
/// each picture's translation against the other; the floor is the picture itself.
const std::vector<ModelMetricRow>& model_metric_table();

}  // namespace obverse
