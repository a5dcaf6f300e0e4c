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
  const double slack = 1e-9 * step, first = std::ceil((low - slack) / step);
  for (int i = 0; i <= 4 * count && (first + i) * step <= high + slack; ++i)
    ticks.push_back(first + i == 0 ? 0 : (first + i) * step);
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
  double gap = std::numeric_limits<double>::infinity();
  for (size_t i = 1; i < ticks.size(); ++i) gap = std::min(gap, ticks[i] - ticks[i - 1]);
  if (!std::isfinite(gap)) gap = ticks.empty() ? 1 : std::abs(ticks.front());
  const auto is_told = [&](double tick, int decimals) {
    const double scale = std::pow(10, decimals);
    return std::abs(std::round(tick * scale) / scale - tick) < 0.01 * gap;
  };
  int decimals = 0;
  while (decimals < 12 && !std::all_of(ticks.begin(), ticks.end(), [&](double t) { return is_told(t, decimals); }))
    ++decimals;
  std::vector<std::string> labels;
  for (const double tick : ticks) {
    const int before_point = tick == 0 ? 1 : static_cast<int>(std::floor(std::log10(std::abs(tick)) + 1e-9)) + 1;
    labels.push_back(format_number(tick, std::clamp(before_point + decimals, 1, 15)));
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

double smoothed_at(const std::vector<double>& y, size_t i, size_t half_width) {
  if (!std::isfinite(y[i])) return y[i];
  double sum = 0, weights = 0;
  for (size_t j = i - std::min(i, half_width); j <= std::min(i + half_width, y.size() - 1); ++j) {
    if (!std::isfinite(y[j])) continue;
    const auto weight = static_cast<double>(half_width + 1 - (j > i ? j - i : i - j));
    sum += weight * y[j];
    weights += weight;
  }
  return sum / weights;
}

}  // namespace obverse
