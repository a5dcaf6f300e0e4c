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

/// optimise, encode, hybrid.
const std::vector<InvertMethod>& invert_table();

struct InvertOptions : Options {
  std::string method = "optimise";
  OptimiseOptions optimise;
  void describe(Fields& f) override;
};

/// Codes inferred for N samples, and how well they give them back.
struct Inversion {
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
/// more. Throws UserError when the method needs an encoder and the model has none.
Inversion invert(LatentModel& model, const at::Tensor& x, const at::Tensor& y, const InvertOptions& options, Rng& rng,
                 const InferProgress& progress = {});

/// Distance of codes: the root of the mean squared difference of their numbers. Two independent draws from the prior
/// are about 1.41 apart. a, b: [N, ...]; returns [N].
at::Tensor code_distance(const at::Tensor& a, const at::Tensor& b);

}  // namespace obverse
