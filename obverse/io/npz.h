#pragma once

#include <string>

#include "obverse/core/named_tensors.h"

namespace obverse {

/// Reads every array of a .npz (or the one of a .npy, called "arr_0"): uint8, int8..int64, bool, float16/32/64, C or
/// Fortran order, NPY versions 1 to 3. Throws UserError naming the path (and the array) when damaged or of another
/// type.
NamedTensors read_npz(const std::string& path);

/// Writes arrays as numpy.savez does, stored uncompressed, atomically.
void write_npz(const std::string& path, const NamedTensors& arrays);

/// Text as an array of bytes, and back; empty when the array is not of bytes.
at::Tensor text_array(const std::string& text);
std::string text_of(const at::Tensor& array);

}  // namespace obverse
