#pragma once

#include "obverse/recipe/fields.h"

namespace obverse {

/// [train] of a recipe. Lengths are in thousands of real images (kimg), so that batch size never changes their meaning.
struct TrainOptions : Options {
  double kimg = 200;
  int64_t batch = 64;
  bool even_batches = false;
  int64_t seed = 0;
  double snapshot_kimg = 20;    // sample grid and metrics
  double checkpoint_kimg = 20;  // state to resume from
  double stats_kimg = 1;        // a line of figures
  double ema_halflife_kimg = 5;
  double ema_rampup = 0.05;  // half-life is at most this share of the images seen; 0: none
  std::string precision = "auto";
  std::string update = "plain";
  double consensus_weight = 1;
  std::string init;  // a model to begin from
  int64_t freeze_d = 0;
  bool monitors = true;
  int64_t keep_checkpoints = 2;
  void describe(Fields& f) override;
};

/// [eval]: what is measured at each snapshot.
struct EvalOptions : Options {
  std::vector<std::string> metrics;
  int64_t samples = 2000;
  std::string features;  // path of a TorchScript network; empty: the project's classifier of the data set
  void describe(Fields& f) override;
};

}  // namespace obverse
