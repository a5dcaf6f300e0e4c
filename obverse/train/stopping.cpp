#include "obverse/train/stopping.h"

#include <algorithm>

namespace obverse {
namespace {

constexpr size_t kLeastCompleted = 3;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : 0.5 * (values[half - 1] + values[half]);
}

}  // namespace

bool hopeless(const MeasuredCurve& own, const std::vector<MeasuredCurve>& completed, bool higher_is_better) {
  if (own.empty()) return false;
  const double sign = higher_is_better ? -1 : 1;  // lower is better from here on
  double best = sign * own[0].second;
  for (const auto& [kimg, value] : own) best = std::min(best, sign * value);
  std::vector<double> means;
  for (const MeasuredCurve& curve : completed) {
    double sum = 0;
    int count = 0;
    for (const auto& [kimg, value] : curve)
      if (kimg <= own.back().first) sum += sign * value, ++count;
    if (count > 0) means.push_back(sum / count);
  }
  return means.size() >= kLeastCompleted && best > median(means);
}

}  // namespace obverse
