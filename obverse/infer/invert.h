#pragma once

#include <string>
#include <vector>

#include "obverse/infer/optimise.h"

namespace obverse {

/// How data is taken back to its latent code.
struct InvertMethod {
  std::string name, source;
  bool encodes = false;    // starts from the model's encoder
  bool optimises = false;  // takes gradient steps
};

/// optimise, encode, hybrid, auto.
const std::vector<InvertMethod>& invert_table();

/// The method called `name`; "auto" is the one that suits the model: encode where that is exact, hybrid where there is
/// an encoder, else optimise. Throws UserError when the method needs an encoder, or a gradient, that the model lacks.
const InvertMethod& choose_method(const LatentModel& model, const std::string& name);

struct InvertOptions : Options {
  std::string method = "optimise";
  double budget_ms = 0;
  OptimiseOptions optimise;
  void describe(Fields& f) override;
};

/// Codes inferred for N samples, and how well they give them back.
struct Inversion {
  std::string method;         // that was taken
  at::Tensor code;            // [N, ...]
  at::Tensor y;               // [N] int64; undefined when the model is unconditional
  at::Tensor reconstruction;  // [N, ...] G(code)
  at::Tensor mse;             // [N] mean squared error a number of x, images in [-1, 1]
  at::Tensor psnr;            // [N] decibels, of images in [-1, 1]
  at::Tensor feature_error;   // [N] ||f(G(z)) - f(x)||^2 / ||f(x)||^2; undefined when the model has no features
  at::Tensor steps;           // [N] int64
  at::Tensor seconds;         // [N] double
};

/// Infers codes for x [N, ...]. y: [N] int64 of a conditional model's samples; undefined: classes are inferred too, by
/// trying each. Hybrid starts from the encoder's code alone when restarts is 1, and from the pool's as well when it is
/// more. With budget_ms > 0 the work stops when so many milliseconds a sample are spent. Throws UserError when the
/// method needs an encoder and the model has none, x is not finite or not of the model's shape, or choosing where to
/// start takes longer than the budget.
Inversion invert(LatentModel& model, const at::Tensor& x, const at::Tensor& y, const InvertOptions& options, Rng& rng,
                 const InferProgress& progress = {});

/// How near the model's samples come to each other: the 95th percentile, over `count` of its samples, of the mean
/// squared difference to the nearest of the others. A sample of the data that is inverted to a larger error than this
/// is no more alike to what the model makes of it than one of its samples is to another. Infinite for an invertible
/// model.
double reach(LatentModel& model, Rng& rng, int64_t count = 256);

/// Distance of codes: the root of the mean squared difference of their numbers. Two independent draws from the prior
/// are about 1.41 apart. a, b: [N, ...]; returns [N].
at::Tensor code_distance(const at::Tensor& a, const at::Tensor& b);

}  // namespace obverse
