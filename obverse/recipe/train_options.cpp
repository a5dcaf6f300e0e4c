#include "obverse/recipe/train_options.h"

namespace obverse {

void TrainOptions::describe(Fields& f) {
  f("kimg", kimg, "length of the run, thousands of real images", kPositive);
  f("batch", batch, "real images a step", {1, 65536});
  f("even_batches", even_batches,
    "spread each batch evenly over the data (one sample of every cell of a k-d tree) and over the codes' prior (a "
    "lattice), instead of drawing independently");
  f("seed", seed, "of initial weights, data order, latents", kNotNegative);
  f("snapshot_kimg", snapshot_kimg, "between sample grids, metrics and monitors", kPositive);
  f("checkpoint_kimg", checkpoint_kimg, "between states to resume from", kPositive);
  f("stats_kimg", stats_kimg, "between lines of figures", kPositive);
  f("ema_halflife_kimg", ema_halflife_kimg, "half-life of the weights' moving average; 0: none", kNotNegative);
  f("ema_rampup", ema_rampup, "the half-life is at most this share of the images seen; 0: no ramp", kNotNegative);
  f("precision", precision, "of convolutions and linear layers", {"auto", "float32", "bfloat16"});
  f("update", update, "how players step: plain, simultaneous, optimistic, extragradient or consensus");
  f("consensus_weight", consensus_weight, "of the squared norm of all gradients (update = \"consensus\")",
    kNotNegative);
  f("init", init, "model whose weights are taken over where they fit; empty: fresh weights");
  f("freeze_d", freeze_d, "with init: so many of D's first layers do not learn (Mo 2020)", {0, 1000});
  f("monitors", monitors, "watch for divergence and collapse, and roll back");
  f("keep_checkpoints", keep_checkpoints, "how many of the last states stay", {1, 1000});
}

void EvalOptions::describe(Fields& f) {
  f("metrics", metrics, "measured at every snapshot");
  f("samples", samples, "generated samples a measurement", {2, 10000000});
  f("features", features, "TorchScript network; empty: the project's classifier of the data set");
}

}  // namespace obverse
