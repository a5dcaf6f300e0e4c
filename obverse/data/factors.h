#pragma once

#include "obverse/data/dataset.h"

namespace obverse {

/// A data set that was drawn from known factors, each of so many values.
struct FactorTable {
  std::vector<std::string> names;
  std::vector<int64_t> sizes;
  at::Tensor values;  // int64 [N, factors], of the samples in their order
};

/// The factors of the data set `shapes`: shape (wedge, half disc, L), size (4), angle (8), x (5), y (5), colour (6),
/// drawn independently and uniformly: 20,000 training and 5,000 test samples. No shape is the same after a turn.
FactorTable shape_factors(const std::string& split);

/// One picture of such factors: uint8 [3, 32, 32], on black, four samples a pixel.
at::Tensor draw_shape(const std::vector<int64_t>& factors);

}  // namespace obverse
