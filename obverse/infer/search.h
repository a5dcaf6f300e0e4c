#pragma once

#include <string>
#include <utility>
#include <vector>

#include "obverse/infer/optimise.h"
#include "obverse/metrics/hamiltonian.h"

namespace obverse {

/// Codes [N, ...] of D numbers scaled to the length sqrt(D).
at::Tensor on_sphere(const at::Tensor& code);

/// All that is known of the candidates of a search, a row each, so that rows can be picked and put back.
struct Candidates {
  at::Tensor image, y, code;       // [M], [M] or undefined, [M, ...]
  at::Tensor best, best_loss;      // the best code so far [M, ...], [M]
  at::Tensor stale;                // [M] int64, steps in a row without progress
  at::Tensor steps;                // [M] int64
  at::Tensor active;               // [M] bool: not converged
  std::vector<at::Tensor> memory;  // of the optimiser, [M, ...] each; empty before its first step

  explicit Candidates(const Starts& starts);
  int64_t size() const { return code.size(0); }
  Candidates pick(const at::Tensor& rows) const;
  void put(const at::Tensor& rows, const Candidates& part);
  /// Keeps those codes whose loss [M] is the least so far, and counts the steps without progress.
  void remember(const at::Tensor& at_code, const at::Tensor& loss, double tolerance);

 private:
  std::vector<at::Tensor*> columns();
};

/// What is minimised for some candidates: optimise.h's formula.
struct Objective {
  LatentModel& model;
  const OptimiseOptions& options;
  Rng& rng;
  at::Tensor x, features;  // the candidates' targets [M, ...], [M, F] or undefined
  const FeatureMap& map;   // to features
  double bound;            // of the prior: a code beyond it counts as if it lay there; 0: none
  at::Tensor& curvature;   // common to all codes of the search [1, D, D]; undefined before it is taken

  /// The codes that these stand for: within the bound, on the sphere.
  at::Tensor allowed(const at::Tensor& code) const;
  /// code: [M, ...]; returns [M].
  at::Tensor value(const at::Tensor& code, const at::Tensor& y) const;
  /// The values [M] and their gradients in the code [M, ...].
  std::pair<at::Tensor, at::Tensor> slope(const at::Tensor& code, const at::Tensor& y) const;
};

/// A way of descending; takes steps begin .. end - 1 of all candidates.
struct DescentRow {
  std::string name, source;
  void (*descend)(const Objective& objective, Candidates& candidates, int64_t begin, int64_t end);
  bool clips = false;  // knows what to do with OptimiseOptions::clip
};

/// lbfgs, adam.
const std::vector<DescentRow>& descent_table();

void descend_by_adam(const Objective& objective, Candidates& candidates, int64_t begin, int64_t end);
void descend_by_lbfgs(const Objective& objective, Candidates& candidates, int64_t begin, int64_t end);

}  // namespace obverse
