#include "obverse/apps/anomaly_scores.h"

#include <algorithm>

#include "obverse/core/error.h"

namespace obverse {
namespace {

const Ability kCodes = {"an encoder", [](const LatentModel& m) { return m.can_encode(); }};
const Ability kReconstruction = {"an encoder whose codes do not give everything back",
                                 [](const LatentModel& m) { return m.can_encode() && !m.invertible(); }};
const Ability kDescent = {"a generator that can be descended",
                          [](const LatentModel& m) { return m.differentiable() && !m.invertible(); }};
const Ability kFeatures = {"a discriminator's or an encoder's features",
                           [](const LatentModel& m) { return m.has_features(); }};
const Ability kPairFeatures = {"a discriminator of pairs (x, z)",
                               [](const LatentModel& m) { return m.has_pair_features(); }};
const Ability kObservation = {"a likelihood p(x | z) and an encoder",
                              [](const LatentModel& m) { return m.has_observation() && m.can_encode(); }};
const Ability kBound = {"a bound on its likelihood, as a VAE has",
                        [](const LatentModel& m) { return m.likelihood() == Likelihood::lower_bound; }};
const Ability kLikelihood = {"a likelihood, as a flow has",
                             [](const LatentModel& m) { return m.likelihood() != Likelihood::none; }};
const Ability kImages = {"images for data",
                         [](const LatentModel& m) { return m.domain().kind == Domain::Kind::image; }};

// What the model lacks for a row; null: nothing.
const Ability* lacking(const AnomalyRow& row, const LatentModel& model) {
  for (const Ability* ability : row.needs)
    if (!ability->has(model)) return ability;
  return nullptr;
}

}  // namespace

void AnomalyOptions::describe(Fields& f) {
  f("kappa", kappa, "f-anogan: weight of the features' residual", kNotNegative);
  f("lambda", lambda, "anogan, egbad: share of the features' residual", kShare);
  f("neighbours", neighbours, "*-neighbours: normal samples whose distances are averaged", {1, 10'000});
  f("components", components, "code-mixture: Gaussians", {1, 1000});
  f("draws", draws, "elbo, likelihood, typicality, reconstruction-probability: draws a sample", {1, 100'000});
  f("learning_steps", learning_steps, "ganomaly, alad: steps of the further network", {1, 1'000'000});
  f.table("optimise", optimise);
}

const std::vector<AnomalyRow>& anomaly_table() {
  static const std::vector<AnomalyRow> table = {
      {"anogan",
       "Schlegl 2017: residual and features at the code that latent optimisation finds",
       {&kDescent, &kFeatures},
       nullptr,
       score_anogan},
      {"f-anogan",
       "Schlegl 2019: squared error of G(E(x)) in pixels and in features",
       {&kReconstruction, &kFeatures},
       nullptr,
       score_f_anogan},
      {"egbad",
       "Zenati 2018: absolute error of G(E(x)) and of the pair's features in D(x, z)",
       {&kReconstruction, &kPairFeatures},
       nullptr,
       score_egbad},
      {"alad",
       "Zenati 2018: features of a discriminator of pairs (x, x'), which fit learns for the finished model",
       {&kReconstruction},
       learn_alad,
       score_alad},
      {"ganomaly",
       "Akcay 2018: |E(x) - E2(G(E(x)))|, E2 an encoder that fit learns for the finished model",
       {&kReconstruction},
       learn_ganomaly,
       score_ganomaly},
      {"reconstruction", "squared error of G(E(x))", {&kReconstruction}, nullptr, score_reconstruction},
      {"reconstruction-probability",
       "An 2015: -E log p(x | z), z drawn by the encoder",
       {&kObservation},
       nullptr,
       score_observation},
      {"elbo", "Kingma 2014: minus the bound on log p(x)", {&kBound}, nullptr, score_likelihood},
      {"likelihood",
       "minus log p(x), or its bound: raw likelihood can be high for simple anomalies",
       {&kLikelihood},
       nullptr,
       score_likelihood},
      {"typicality",
       "Nalisnick 2019: how far -log p(x) is from its median over normal samples",
       {&kLikelihood},
       learn_typicality,
       score_typicality},
      {"code-mixture",
       "minus log density of the inferred code, by a Gaussian mixture over normal codes",
       {&kCodes},
       learn_code_mixture,
       score_code_mixture},
      {"code-neighbours",
       "Ramaswamy 2000, of inferred codes: mean distance to the nearest normal ones",
       {&kCodes},
       learn_code_neighbours,
       score_code_neighbours},
      {"pixel-neighbours",
       "Ramaswamy 2000, of the samples themselves: a floor that needs no model",
       {},
       learn_pixel_neighbours,
       score_pixel_neighbours},
      {"oriented",
       "Dalal 2005's histograms of gradients, Mahalanobis distance: a floor that needs no model",
       {&kImages},
       learn_oriented,
       score_oriented},
      {"oriented-code",
       "Obverse: those histograms and the inferred code, Mahalanobis distance of both together",
       {&kImages, &kReconstruction},
       learn_oriented_code,
       score_oriented_code},
  };
  return table;
}

void check_suits(const AnomalyRow& row, const LatentModel& model) {
  const Ability* lack = lacking(row, model);
  if (!lack) return;
  std::string suiting;
  for (const AnomalyRow& other : anomaly_table())
    if (!lacking(other, model)) suiting += (suiting.empty() ? "" : ", ") + other.name;
  fail("{}: {} needs {}: use another model, or one of {}", model.name, row.name, lack->name, suiting);
}

}  // namespace obverse
