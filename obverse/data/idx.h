#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace obverse {

/// The MNIST file format, plain or gzip: big-endian magic 0, 0, type, dimensions, then the sizes, then bytes.
/// Only unsigned bytes. Returns uint8 of the file's shape. Throws UserError naming the path.
/// http://yann.lecun.com/exdb/mnist
at::Tensor read_idx(const std::string& path);

/// Images [N, 1, H, W] and labels [N] (int64) that belong together; an empty labels path gives undefined labels.
struct IdxPair {
  at::Tensor images, labels;
};
IdxPair read_idx_pair(const std::string& images_path, const std::string& labels_path);

/// folder/stem or folder/stem.gz, whichever is there; empty when neither is.
std::string find_idx(const std::string& folder, const std::string& stem);

}  // namespace obverse
