#pragma once

#include <ATen/core/Tensor.h>

namespace obverse {

struct MeanAndScatter {
  at::Tensor mean;    // float64 [F]
  at::Tensor matrix;  // float64 [F, F]: sum over rows of (x - mean)(x - mean)^T
};

/// Of x: [N, F] of any floating type, N > 0.
///
/// Wide float32 features on a processor with matrix units go round float64 products: every column is held as integers
/// of three digits to the base 256, in steps of 1 / 8,355,711 of its largest deviation (24 bits, as many as float32
/// has), and products of digits are summed exactly, in integers (the splitting of Ozaki 2012). All that is lost is that
/// rounding, as if the features had come rounded: the matrix is that of samples, and positive semidefinite, still.
MeanAndScatter scatter_of(const at::Tensor& x);

/// The same by float64 products.
MeanAndScatter plain_scatter_of(const at::Tensor& x);

/// The same by integer products, whatever the size; where has_byte_tiles(). x: float32. A mean that is not finite comes
/// with a matrix of zeros.
MeanAndScatter tile_scatter_of(const at::Tensor& x);

/// Whether the processor has matrix units for bytes and lets programs use them.
bool has_byte_tiles();

}  // namespace obverse
