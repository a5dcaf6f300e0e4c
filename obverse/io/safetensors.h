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
/// A CRC-32 of the whole stands first in the metadata (`crc32`, which is the writer's own); reading checks it.
void write_safetensors(const std::string& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// Reads such a file. Every length is checked before use; throws UserError naming the path when the file is cut short,
/// is not safetensors, lies about its sizes, or does not match the checksum that it carries.
TensorFile read_safetensors(const std::string& path);

}  // namespace obverse
