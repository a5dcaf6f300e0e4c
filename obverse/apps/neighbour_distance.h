#pragma once

#include <ATen/core/Tensor.h>

namespace obverse {

/// Mean Euclidean distance of each row to its `count` nearest rows of `normal` (all of them where there are fewer):
/// [N] float64. x: [N, F], normal: [M, F].
at::Tensor neighbour_distance(const at::Tensor& x, const at::Tensor& normal, int64_t count);

}  // namespace obverse
