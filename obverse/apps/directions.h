#pragma once

#include <string>
#include <vector>

#include "obverse/metrics/features.h"
#include "obverse/models/latent_model.h"

namespace obverse {

/// Ways through a model's codes, each of length 1, and how far codes of the prior spread along them: strengths are
/// counted in that.
struct Directions {
  std::string kind;                // a row of direction_table(), or "user"
  std::vector<std::string> names;  // [K]
  at::Tensor ways;                 // [K, D] float32
  at::Tensor spread;               // [K] standard deviation of codes along each
};

/// Codes and the classes of what they stand for.
struct LabelledCodes {
  at::Tensor code;   // [N, D]
  at::Tensor label;  // [N] int64
  std::vector<std::string> classes;
};

/// What directions are found in.
struct DirectionContext {
  LatentModel& model;
  const LabelledCodes& labelled;  // empty unless the row needs them
  int64_t count;                  // of directions without labels
  Rng& rng;
};

struct DirectionRow {
  std::string name, source;
  bool needs_labels;
  Directions (*find)(const DirectionContext& context);
};

/// mean, svm, sefa, pca.
const std::vector<DirectionRow>& direction_table();

/// n codes with labels: of the data through the encoder where the model has one and the data have labels, else draws of
/// the prior, judged by `judge` after decoding. Throws UserError when neither is to be had, or the model is
/// conditional: its codes do not say the class.
LabelledCodes label_codes(LatentModel& model, const Dataset& data, FeatureNetwork& judge, int64_t n, Rng& rng);

/// A linear support vector machine: ||w||^2 / 2 + c sum max(0, 1 - y (w x + b))^2, by Newton's method (Chapelle 2007).
/// x: [N, D], y: [N] of +-1, in float64; returns w [D], not b.
at::Tensor svm_normal(const at::Tensor& x, const at::Tensor& y, double c = 1);

/// The mean of one set of codes [N, D] minus that of another, as a direction of the user's own.
Directions user_direction(LatentModel& model, const std::string& name, const at::Tensor& from, const at::Tensor& to,
                          Rng& rng);

/// What a direction does to samples of the model at some strength.
struct Effect {
  std::string target;  // the class that gains most; for directions with labels, its own
  double gain = 0;     // of the target's mean probability
  double kept = 0;     // mean structural similarity with the sample before
  double others = 0;   // mean, over the other classes, of the change of their probability, without sign
};

/// Measured on n draws of the prior. judge: tells classes.
Effect measure_effect(LatentModel& model, const Directions& d, int64_t k, double strength, FeatureNetwork& judge,
                      const std::vector<std::string>& classes, int64_t n, Rng& rng);

/// code [N, ...] moved along direction k by `strength` of its spread.
at::Tensor move(const Directions& d, int64_t k, const at::Tensor& code, double strength);

/// In a .npz with the model's hash and space. Reading throws UserError when the file is another model's, or damaged.
void write_directions(const std::string& path, const LatentModel& model, const Directions& d);
Directions read_directions(const std::string& path, const LatentModel& model);
/// The number of the direction called `wanted`, or its number itself. Throws UserError with the names there are.
int64_t find_direction(const Directions& d, const std::string& wanted);

}  // namespace obverse
