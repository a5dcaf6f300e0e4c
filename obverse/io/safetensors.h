#pragma once

#include <map>
#include <string>

#include "obverse/core/named_tensors.h"

namespace obverse {

struct TensorFile {
  NamedTensors tensors;
  std::map<std::string, std::string> metadata;
};

/// Writes tensors and text metadata in the safetensors format, atomically (https://github.com/huggingface/safetensors).
void write_safetensors(const std::string& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// Reads such a file. Every length is checked before use; throws UserError naming the path when the file is cut short,
/// is not safetensors, or lies about its sizes.
TensorFile read_safetensors(const std::string& path);

}  // namespace obverse
