#pragma once

#include <string>
#include <vector>

namespace obverse {

/// Means of everything that was reported since the last line, under TensorBoard tags.
class Stats {
 public:
  struct Entry {
    std::string tag;
    int64_t num = 0;
    double sum = 0, squares = 0;
    double mean() const { return num ? sum / num : 0; }
    double std() const;
  };
  void add(const std::string& tag, double value);
  void clear() { entries_.clear(); }
  const std::vector<Entry>& entries() const { return entries_; }
  /// The entry's mean, or `otherwise` when nothing was reported under the tag.
  double mean(const std::string& tag, double otherwise = 0) const;
  /// One line of stats.jsonl: {"tag": {"num", "mean", "std"}, ..., "timestamp"}.
  std::string json_line(double timestamp) const;

 private:
  std::vector<Entry> entries_;
};

}  // namespace obverse
