#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace obverse {

/// A run's folder, runs/00007-fashion-dcgan, held by one process at a time.
class RunFolder {
 public:
  /// The next free number under `out`. Throws UserError when it cannot be written.
  static RunFolder create(const std::string& out, const std::string& name);
  /// An existing run. Throws UserError when it is not one, or another process trains it now.
  static RunFolder open(const std::string& path);
  /// The path of the newest run of this name under `out`; any name when empty. Throws UserError when there is none.
  static std::string newest(const std::string& out, const std::string& name);

  /// Whether a process trains this run now.
  static bool is_held(const std::string& path);

  RunFolder(RunFolder&& other) noexcept;
  ~RunFolder();
  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

  /// Appends to a growing file of the run: log.txt, stats.jsonl.
  void append(const std::string& name, const std::string& text) const;
  /// Sizes of the growing files, for a checkpoint; and back: what was appended after it is cut off.
  std::map<std::string, uint64_t> sizes() const;
  void cut(const std::map<std::string, uint64_t>& sizes) const;

 private:
  explicit RunFolder(std::string path);
  std::string path_;
  int lock_ = -1;
};

}  // namespace obverse
