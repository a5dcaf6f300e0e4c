#pragma once

#include <functional>

#include "obverse/core/rng.h"
#include "obverse/models/latent_model.h"
#include "obverse/recipe/fields.h"

namespace obverse {

/// Latent optimisation, for each image x on its own: minimise over the code z, with G frozen,
///   pixel_weight mean (G(z) - x)^2 + feature_weight ||f(G(z)) - f(x)||^2 / ||f(x)||^2 + prior_weight ||z||^2 / (2 P),
/// P being the numbers in x, f the discriminator's features or those of feature_network (metrics/features.h). With
/// feature_weight 0 it is the most probable code under the prior and Gaussian noise of variance prior_weight / 2 on
/// every number of x. sphere: of all codes as long as the prior's are, sqrt(D) for D numbers: z stands for its
/// projection. Zhu 2016, Lipton 2017, Menon 2020 (the sphere).
struct OptimiseOptions : Options {
  int64_t steps = 100;
  int64_t restarts = 4;
  int64_t pool = 512;
  std::string descent = "lbfgs";
  int64_t curvature_every = 1000;
  int64_t rough_steps = 8;
  double lr = 0.1;
  double beta1 = 0.9;
  double beta2 = 0.99;
  double pixel_weight = 1;
  double feature_weight = 0;
  std::string feature_network;
  double prior_weight = 0;
  double clip = 0;
  bool sphere = false;
  double tolerance = 1e-3;
  int64_t patience = 20;
  bool prune = true;
  int64_t batch = 128;
  void describe(Fields& f) override;
};

/// f of an optimisation: x [N, ...] -> [N, F], differentiable.
using FeatureMap = std::function<at::Tensor(const at::Tensor& x)>;

/// The features that the options name: of their network, else of the model's discriminator; empty when it has none.
/// The model must outlive it. Throws UserError when the network is not to be found.
FeatureMap feature_map(LatentModel& model, const OptimiseOptions& options);

/// Codes to start from, several an image: the rows are candidates.
struct Starts {
  at::Tensor code;   // [M, ...]
  at::Tensor y;      // [M] int64, undefined when the model is unconditional
  at::Tensor image;  // [M] int64: the row of x that the candidate is for
};

/// `restarts` starts for each image of x [N, ...]: the nearest, in pixels, of `pool` codes drawn from the prior. A
/// conditional model draws its pool evenly over the classes; with y [N] an image starts from its own class, without
/// (undefined) from every class, restarts / classes times (at least once).
Starts draw_starts(LatentModel& model, const at::Tensor& x, const at::Tensor& y, const OptimiseOptions& options,
                   Rng& rng);

/// The better code first: one candidate an image.
struct Optimised {
  at::Tensor code;     // [N, ...]
  at::Tensor y;        // [N] int64 or undefined
  at::Tensor loss;     // [N], what was minimised
  at::Tensor steps;    // [N] int64, that the best candidate took
  at::Tensor seconds;  // [N] double, spent on all of the image's candidates
};

/// Called now and then with the share of the steps done; returning false ends the work with the codes found so far.
using InferProgress = std::function<bool(double share)>;

/// Optimises every candidate; the worse half of an image's candidates is given up after every tenth of the steps
/// (`prune`). x: [N, ...] of the model's domain; every image needs a start. Throws UserError when features are asked of
/// a model without them, or nothing is to be minimised.
Optimised optimise(LatentModel& model, const at::Tensor& x, const Starts& starts, const OptimiseOptions& options,
                   Rng& rng, const InferProgress& progress = {});

}  // namespace obverse
