#include "obverse/train/stats.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace obverse {

double Stats::Entry::std() const { return num ? std::sqrt(std::max(0.0, squares / num - mean() * mean())) : 0; }

void Stats::add(const std::string& tag, double value) {
  auto it = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.tag == tag; });
  if (it == entries_.end()) it = entries_.insert(entries_.end(), Entry{tag});
  it->num += 1;
  it->sum += value;
  it->squares += value * value;
}

double Stats::mean(const std::string& tag, double otherwise) const {
  for (const Entry& e : entries_)
    if (e.tag == tag) return e.mean();
  return otherwise;
}

std::string Stats::json_line(double timestamp) const {
  nlohmann::ordered_json line;
  for (const Entry& e : entries_) line[e.tag] = {{"num", e.num}, {"mean", e.mean()}, {"std", e.std()}};
  line["timestamp"] = timestamp;
  return line.dump() + "\n";
}

}  // namespace obverse
