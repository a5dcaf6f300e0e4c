#pragma once

#include "obverse/data/sources.h"

namespace obverse {

/// Samples from an NPZ (or NPY): x, images or arr_0, with labels y or labels; or x_train, y_train, x_test, y_test.
/// uint8 [N, H, W], [N, H, W, C] or [N, C, H, W] are images (C of 1, 3, or 4 with transparency); floats [N, D] are
/// points.
Reading read_arrays(const DataOptions& options, const std::string& split);

}  // namespace obverse
