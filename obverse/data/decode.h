#pragma once

#include "obverse/data/pictures.h"
#include "obverse/data/sources.h"

namespace obverse {

/// Decodes the pictures of a tree. Every unreadable one is a problem; so is one whose size or channels differ from what
/// most have, unless options.size is set: then all are resized, and grey ones become colour where there is any colour.
/// No picture readable: no samples.
Reading decode_pictures(const Tree& tree, const DataOptions& options, const std::string& split);

}  // namespace obverse
