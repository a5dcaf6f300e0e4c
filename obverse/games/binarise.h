#pragma once

#include <ATen/core/Tensor.h>

#include "obverse/core/rng.h"

namespace obverse {

/// Each pixel on (1) with the probability of its brightness, else off (-1): one showing of dynamically binarised images
/// (Burda 2016, section 5). x: images in [-1, 1].
at::Tensor binarised(const at::Tensor& x, Rng& rng);

}  // namespace obverse
