#pragma once

#include <string>
#include <vector>

namespace obverse {

/// A file of web/, which the program carries within it.
struct WebFile {
  std::string name, type, text;  // "studio.js", "text/javascript"
};
const std::vector<WebFile>& web_files();

}  // namespace obverse
