#pragma once

#include <string>

#include "obverse/data/dataset.h"

namespace obverse {

/// Loads what lies at the path options.source: a folder, a zip, an NPZ or an IDX file. Throws UserError.
Dataset load_path(const DataOptions& options, const std::string& split);

/// An image data set of samples uint8 [N, C, H, W] and labels int64 [N] (or undefined); resized when options.size asks.
Dataset image_dataset(const std::string& name, at::Tensor samples, at::Tensor labels, std::vector<std::string> classes,
                      const DataOptions& options);

}  // namespace obverse
