#pragma once

#include <ATen/core/Tensor.h>

#include "obverse/core/rng.h"

namespace obverse {

/// How initial weights are drawn: N(0, std^2), or, when `gain` is not 0, N(0, gain^2 / fan_in).
struct Init {
  double std = 0.02;
  double gain = 0;
  bool diagonal = false;

  static Init normal(double std) { return {std, 0}; }
  /// He 2015 for leaky_relu of this slope (0: ReLU, 1: linear), times `scale`.
  static Init he(double slope = 0.2, double scale = 1);
  static Init zero() { return {0, 0}; }
  /// Of a matrix: its output is its input, cut or filled up with zeros; Le 2015.
  static Init identity() { return {0, 0, true}; }
};

/// A weight of this shape, float32. fan_in: inputs that one output sums over.
at::Tensor draw_weight(at::IntArrayRef shape, int64_t fan_in, const Init& init, Rng& rng);

}  // namespace obverse
