#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "obverse/report/format.h"
#include "obverse/report/plot.h"

namespace obverse {

std::vector<double> nice_ticks(double low, double high, int count) {
  if (!(high > low) || !std::isfinite(high - low)) return {low};
  const double rough = (high - low) / std::max(1, count), power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {5.0, 2.0, 1.0})
    if (factor * power >= 0.75 * rough) step = factor * power;
  std::vector<double> ticks;
  const double slack = 1e-9 * step;
  for (double k = std::ceil((low - slack) / step); k * step <= high + slack; ++k)
    ticks.push_back(k == 0 ? 0 : k * step);
  return ticks;
}

std::vector<double> log_ticks(double low, double high) {
  const double first = std::floor(std::log10(low)), last = std::ceil(std::log10(high));
  const auto collect = [&](const std::vector<double>& factors, double stride) {
    std::vector<double> ticks;
    for (double e = std::ceil(first / stride) * stride; e <= last; e += stride)
      for (const double factor : factors) {
        const double tick = factor * std::pow(10, e);
        if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) ticks.push_back(tick);
      }
    return ticks;
  };
  constexpr double kAtMost = 6;
  const double stride = std::max(1.0, std::ceil((last - first) / kAtMost));
  for (const std::vector<double>& factors : {std::vector<double>{1}, {1, 3}, {1, 2, 5}}) {
    const std::vector<double> ticks = collect(factors, stride);
    if (ticks.size() >= 3) return ticks;
  }
  return nice_ticks(low, high, 4);
}

std::vector<std::string> tick_labels(const std::vector<double>& ticks) {
  double largest = 0, gap = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < ticks.size(); ++i) {
    largest = std::max(largest, std::abs(ticks[i]));
    if (i > 0) gap = std::min(gap, ticks[i] - ticks[i - 1]);
  }
  std::vector<std::string> labels;
  for (const double tick : ticks) {
    int digits = 3;
    if (std::isfinite(gap) && gap > 0 && tick != 0)
      digits = std::clamp(
          static_cast<int>(std::floor(std::log10(std::abs(tick))) - std::floor(std::log10(gap) + 1e-9)) + 1, 1, 12);
    labels.push_back(format_number(tick, digits));
  }
  return labels;
}

bool all_positive(const std::vector<Series>& series) {
  for (const Series& s : series)
    for (const double y : s.y)
      if (std::isfinite(y) && y <= 0) return false;
  return true;
}

bool wants_log_scale(const std::vector<Series>& series) {
  std::vector<double> values;
  for (const Series& s : series)
    for (const double y : s.y)
      if (std::isfinite(y)) values.push_back(y);
  if (values.size() < 8) return false;
  std::sort(values.begin(), values.end());
  const double low = values[values.size() / 50], high = values[values.size() - 1 - values.size() / 50];
  return all_positive(series) && high > 100 * low;
}

std::vector<double> smooth(const std::vector<double>& y, size_t half_width) {
  std::vector<double> result(y);
  for (size_t i = 0; i < y.size(); ++i) {
    if (!std::isfinite(y[i])) continue;
    double sum = 0, weights = 0;
    for (size_t j = i - std::min(i, half_width); j <= std::min(i + half_width, y.size() - 1); ++j) {
      if (!std::isfinite(y[j])) continue;
      const double weight = static_cast<double>(half_width + 1 - (j > i ? j - i : i - j));
      sum += weight * y[j];
      weights += weight;
    }
    result[i] = sum / weights;
  }
  return result;
}

}  // namespace obverse
