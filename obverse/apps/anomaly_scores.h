#pragma once

#include <string>
#include <vector>

#include "obverse/core/named_tensors.h"
#include "obverse/infer/invert.h"

namespace obverse {

/// Parameters of the scores, each used by the rows that its comment names.
struct AnomalyOptions : Options {
  double kappa = 1;              // f-anogan
  double lambda = 0.1;           // anogan, egbad
  int64_t neighbours = 5;        // code-neighbours, pixel-neighbours
  int64_t components = 8;        // code-mixture
  int64_t draws = 16;            // elbo, likelihood, typicality, reconstruction-probability
  int64_t learning_steps = 600;  // ganomaly, alad
  OptimiseOptions optimise;      // anogan
  void describe(Fields& f) override;
};

/// How strange samples look. Larger is stranger.
struct AnomalyScores {
  at::Tensor value;  // [N] float64
  at::Tensor map;    // [N, H, W] float32, of images: where it looks strange; undefined where the score has no place
};

/// What a score works with.
struct AnomalyTask {
  LatentModel& model;
  const AnomalyOptions& options;
  Rng& rng;
};

/// What a model must have for a score.
struct Ability {
  std::string name;  // "an encoder"
  bool (*has)(const LatentModel& model);
};

/// A way of scoring samples by a trained model. The model and x are of one domain; x: [N, ...] float32.
struct AnomalyRow {
  std::string name, source;
  std::vector<const Ability*> needs;
  /// What is learned of normal samples before others are scored: named tensors that are kept with the detector.
  NamedTensors (*learn)(const AnomalyTask& task, const at::Tensor& x);
  AnomalyScores (*score)(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x);
};

/// anogan, f-anogan, egbad, alad, ganomaly, reconstruction, reconstruction-probability, elbo, likelihood, typicality,
/// code-mixture, code-neighbours, pixel-neighbours, oriented, oriented-code.
const std::vector<AnomalyRow>& anomaly_table();

/// Throws UserError when the model lacks what a score needs, and names those that suit it.
void check_suits(const AnomalyRow& row, const LatentModel& model);

// The rows' functions, by the file that they are in.

// anomaly_residuals.cpp: what comes back from the code
AnomalyScores score_anogan(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x);
AnomalyScores score_f_anogan(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x);
AnomalyScores score_egbad(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x);
AnomalyScores score_reconstruction(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x);
AnomalyScores score_observation(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x);

// anomaly_densities.cpp: how probable the sample or its code is
AnomalyScores score_likelihood(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x);
NamedTensors learn_typicality(const AnomalyTask& task, const at::Tensor& x);
AnomalyScores score_typicality(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x);
NamedTensors learn_code_mixture(const AnomalyTask& task, const at::Tensor& x);
AnomalyScores score_code_mixture(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x);

// anomaly_neighbours.cpp: how far the nearest normal samples are
NamedTensors learn_code_neighbours(const AnomalyTask& task, const at::Tensor& x);
AnomalyScores score_code_neighbours(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x);
NamedTensors learn_pixel_neighbours(const AnomalyTask& task, const at::Tensor& x);
AnomalyScores score_pixel_neighbours(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x);

// anomaly_oriented.cpp: how unlikely the directions of strokes and edges are
NamedTensors learn_oriented(const AnomalyTask& task, const at::Tensor& x);
AnomalyScores score_oriented(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x);
NamedTensors learn_oriented_code(const AnomalyTask& task, const at::Tensor& x);
AnomalyScores score_oriented_code(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x);

// anomaly_learned.cpp: a further network, learned for a model that is already trained
NamedTensors learn_ganomaly(const AnomalyTask& task, const at::Tensor& x);
AnomalyScores score_ganomaly(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x);
NamedTensors learn_alad(const AnomalyTask& task, const at::Tensor& x);
AnomalyScores score_alad(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x);

}  // namespace obverse
