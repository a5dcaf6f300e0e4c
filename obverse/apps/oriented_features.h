#pragma once

#include <ATen/core/Tensor.h>

namespace obverse {

/// Histograms of oriented gradients (Dalal 2005), without anything learned. x: [N, C, H, W], sides of 5 or more;
/// returns [N, 8, h, w], 8 directions in cells that overlap, h and w at most 10. The image's mean over channels is
/// blurred (sigma of 1 pixel); a gradient g (a unit from black to white) counts as g / (|g| + 0.1), so that faint and
/// bold strokes are alike.
at::Tensor oriented_features(const at::Tensor& x);

}  // namespace obverse
