#pragma once

#include <ATen/core/Tensor.h>

#include "obverse/core/rng.h"

namespace obverse {

/// The first `count` principal components of x's rows, by variance, signs such that each one's largest loading is
/// positive. x: [N, F]; returns mean [F] and components [F, count], float32; count is lowered to F where it is larger.
struct Principal {
  at::Tensor mean, components;
  at::Tensor project(const at::Tensor& x) const;  // [N, F] -> [N, count]
};
Principal principal_components(const at::Tensor& x, int64_t count);

/// t-SNE (van der Maaten 2008) in two dimensions, exact, for some thousands of rows: perplexity 30, or a third of the
/// rows where there are few; 250 steps of early exaggeration by 12 and 500 after; begins from principal components.
/// x: [N, F]; returns [N, 2].
at::Tensor tsne(const at::Tensor& x, int64_t steps = 750);

/// Points in the plane as a picture, coloured by label: uint8 [3, size, size] on white. xy: [N, 2], label: [N] int64 or
/// undefined.
at::Tensor draw_map(const at::Tensor& xy, const at::Tensor& label, int64_t size = 640);

}  // namespace obverse
