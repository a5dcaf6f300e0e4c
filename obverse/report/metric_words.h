#pragma once

#include <string>
#include <vector>

namespace obverse {

enum class Better { lower, higher, neither };

/// What a metric is called, which way is better, and one sentence for students.
struct MetricWord {
  std::string
      name;  // "fid": results whose name starts with it, as in "fid2k_full", or ends in it, as in "pr50k3_recall"
  std::string title;  // "Fréchet distance"
  Better better = Better::neither;
  std::string meaning;
};

const std::vector<MetricWord>& metric_words();

/// The row for a result's label or name; nullptr when it is not known.
const MetricWord* metric_word(std::string result);

}  // namespace obverse
