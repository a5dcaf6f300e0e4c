#include "obverse/layers/init.h"

#include <ATen/ATen.h>

#include <cmath>

namespace obverse {

Init Init::he(double slope, double scale) { return {0, scale * std::sqrt(2 / (1 + slope * slope))}; }

at::Tensor draw_weight(at::IntArrayRef shape, int64_t fan_in, const Init& init, Rng& rng) {
  if (init.diagonal) return at::eye(shape.at(0), shape.at(1));
  const double std = init.gain != 0 ? init.gain / std::sqrt(static_cast<double>(fan_in)) : init.std;
  return rng.normal(shape) * std;
}

}  // namespace obverse
