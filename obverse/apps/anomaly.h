#pragma once

#include <string>

#include "obverse/apps/anomaly_scores.h"

namespace obverse {

/// A score, what it learned of normal samples, and the threshold that it was calibrated to.
struct Detector {
  std::string method;  // a row of anomaly_table()
  AnomalyOptions options;
  std::string model, model_hash;  // path and SHA-256 of the model file
  double false_alarms = 0.05;     // of normal samples, at most
  double threshold = 0;           // a score above it is an alarm
  at::Tensor normal_scores;       // [n] float64, of the normal samples it was calibrated on
  bool seen = false;              // the model was trained on those samples: the promise may not hold
  NamedTensors learned;
};

/// Learns from `normal` [N, ...] and sets the threshold by `held_out` [n, ...] (conformal_threshold). Throws UserError
/// when the model lacks what the method needs, is conditional, or there are too few samples.
Detector fit_detector(LatentModel& model, const std::string& method, const AnomalyOptions& options,
                      const at::Tensor& normal, const at::Tensor& held_out, double false_alarms, Rng& rng);

/// Scores of x [N, ...].
AnomalyScores score_samples(const Detector& detector, LatentModel& model, const at::Tensor& x, Rng& rng);

/// One safetensors file. Reading throws UserError naming the path when it is no detector or damaged.
void write_detector(const std::string& path, Detector& detector);
Detector read_detector(const std::string& path);

/// Throws UserError when the detector was made for another model.
void check_model(const Detector& detector, const LatentModel& model);

}  // namespace obverse
