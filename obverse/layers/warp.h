#pragma once

#include <ATen/core/Tensor.h>

namespace obverse {

/// What lies beyond an image's border: nothing, or the image mirrored at its outermost pixels.
enum class Border { zero, mirror };

/// Each image seen through an affine map of its own, with bilinear interpolation: the pixel at p of the result is taken
/// at A_n (p, 1) of x[n]. Positions are (column, row) in pixels from the image's centre. Linear in x: the gradient is
/// the adjoint map, whose gradient is the map itself, so that it can be differentiated any number of times; maps are
/// not differentiated. x: [N, C, H, W] float32 or float64, maps: [N, 2, 3]; returns [N, C, H, W].
at::Tensor warp(const at::Tensor& x, const at::Tensor& maps, Border border);

}  // namespace obverse
