#pragma once

#include <string>
#include <utility>
#include <vector>

namespace obverse {

/// Members of a zip archive, read one at a time.
class ZipReader {
 public:
  explicit ZipReader(const std::string& path);  // throws UserError naming the path
  ~ZipReader();
  ZipReader(const ZipReader&) = delete;
  ZipReader& operator=(const ZipReader&) = delete;
  const std::vector<std::string>& names() const { return names_; }  // files only, in archive order
  std::string read(const std::string& name) const;                  // throws UserError naming path and member

 private:
  std::string path_;
  void* archive_ = nullptr;
  std::vector<std::string> names_;
};

/// Writes members stored uncompressed, atomically.
void write_zip(const std::string& path, const std::vector<std::pair<std::string, std::string>>& members);

}  // namespace obverse
