#include "obverse/games/path_length.h"

#include <ATen/ATen.h>

#include <cmath>

#include "obverse/core/autograd.h"

namespace obverse {

void PathLengthOptions::describe(Fields& f) {
  f("weight", weight, "of steps of w that change the image by more or less than others (2); 0: off", kNotNegative);
  f("interval", interval, "taken every so many rounds, as a step of its own, and that much stronger", {1, 1000});
  f("batch_shrink", batch_shrink, "it is taken on a batch so many times smaller", {1, 1024});
}

PathLength::PathLength() : mean_(at::zeros({})) {}

at::Tensor PathLength::lengths(StyleGenerator& generator, const at::Tensor& ws, Rng& rng) {
  const at::Tensor point = ws.requires_grad() ? ws : ws.detach().requires_grad_();
  const at::Tensor x = generator.synthesise(point);
  const double pixels = static_cast<double>(x.size(2) * x.size(3));
  const at::Tensor noise = rng.normal(x.sizes()).to(x.scalar_type()) / std::sqrt(pixels);
  return gradient(x * noise, point, /*create_graph=*/true).square().sum(2).mean(1).sqrt();
}

at::Tensor PathLength::loss(StyleGenerator& generator, const at::Tensor& ws, Rng& rng) {
  constexpr double kMoves = 0.01;
  const at::Tensor found = lengths(generator, ws, rng);
  without_grad([&] { return mean_.lerp_(found.mean(), kMoves); });
  return (found - mean_.clone()).square().mean();
}

}  // namespace obverse
