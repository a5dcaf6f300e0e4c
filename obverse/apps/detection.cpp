#include "obverse/apps/detection.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "obverse/core/error.h"

namespace obverse {
namespace {

constexpr double kNormal = 1.959964;  // two-sided 95 %
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double count(const at::Tensor& mask) { return static_cast<double>(mask.sum().item<int64_t>()); }

// For each row of a, the share of b below it, ties counting half. Both [N] float64.
at::Tensor share_below(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor sorted = std::get<0>(b.sort());
  const at::Tensor below = at::searchsorted(sorted, a), up_to = at::searchsorted(sorted, a, false, true);
  return (below + up_to).to(at::kDouble) / (2 * static_cast<double>(b.size(0)));
}

}  // namespace

Share proportion(int64_t hits, int64_t n) {
  if (n == 0) return {kNan, kNan, kNan};
  const auto m = static_cast<double>(n);
  const double p = static_cast<double>(hits) / m, z2 = kNormal * kNormal, scale = 1 + z2 / m;
  const double middle = (p + z2 / (2 * m)) / scale;
  const double half = kNormal / scale * std::sqrt(p * (1 - p) / m + z2 / (4 * m * m));
  return {p, std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

// value +- kNormal error, taken on the scale of log odds, where it stays between 0 and 1. At its ends, where there is
// no spread to see, as of n hits or misses out of n.
static Share logit_interval(double value, double error, int64_t n) {
  if (value >= 1) return {1, proportion(n, n).low, 1};
  if (value <= 0) return {0, 0, proportion(0, n).high};
  const double odds = std::log(value / (1 - value)), half = kNormal * error / (value * (1 - value));
  const auto back = [](double t) { return 1 / (1 + std::exp(-t)); };
  return {value, back(odds - half), back(odds + half)};
}

Share auroc(const at::Tensor& score, const at::Tensor& anomalous) {
  const at::Tensor strange = score.masked_select(anomalous), normal = score.masked_select(anomalous.logical_not());
  if (strange.size(0) == 0 || normal.size(0) == 0) return {kNan, kNan, kNan};
  const at::Tensor over_normal = share_below(strange, normal), under_strange = 1 - share_below(normal, strange);
  const auto part = [](const at::Tensor& v) {
    const auto n = static_cast<double>(v.size(0));
    return n > 1 ? v.var().item<double>() / n : 0.25;
  };
  return logit_interval(over_normal.mean().item<double>(), std::sqrt(part(over_normal) + part(under_strange)),
                        std::min(strange.size(0), normal.size(0)));
}

Share average_precision(const at::Tensor& score, const at::Tensor& anomalous) {
  const double positives = count(anomalous);
  if (positives == 0 || positives == static_cast<double>(score.size(0))) return {kNan, kNan, kNan};
  const auto [sorted, order] = score.sort(0, /*descending=*/true);
  const at::Tensor hit = anomalous.index_select(0, order).to(at::kDouble), hits = hit.cumsum(0);
  const auto* s = sorted.data_ptr<double>();
  const auto* h = hits.data_ptr<double>();
  double area = 0, before = 0;
  for (int64_t i = 0; i < score.size(0); ++i) {
    if (i + 1 < score.size(0) && s[i + 1] == s[i]) continue;  // one threshold for equal scores
    area += (h[i] - before) / positives * h[i] / static_cast<double>(i + 1);
    before = h[i];
  }
  return logit_interval(area, std::sqrt(area * (1 - area) / positives), static_cast<int64_t>(positives));
}

double conformal_threshold(const at::Tensor& normal, double false_alarms) {
  const int64_t n = normal.size(0);
  const auto rank = static_cast<int64_t>(std::ceil((1 - false_alarms) * static_cast<double>(n + 1) - 1e-9));
  if (rank > n)
    fail("{} normal samples cannot promise a false-alarm rate of {:g}: hold out at least {}, or allow {:.3g}", n,
         false_alarms, static_cast<int64_t>(std::ceil(1 / false_alarms - 1e-9)) - 1, 1 / static_cast<double>(n + 1));
  return std::get<0>(normal.sort())[std::max<int64_t>(rank, 1) - 1].item<double>();
}

at::Tensor conformal_p_values(const at::Tensor& normal, const at::Tensor& score) {
  const auto n = static_cast<double>(normal.size(0));
  const at::Tensor below = at::searchsorted(std::get<0>(normal.sort()), score.contiguous()).to(at::kDouble);
  return (1 + n - below) / (n + 1);
}

at::Tensor score_histogram(const at::Tensor& score, double low, double high, int64_t bins) {
  const double width = std::max(high - low, 1e-300) / static_cast<double>(bins);
  const at::Tensor bin = ((score - low) / width).floor().clamp(0, static_cast<double>(bins - 1)).to(at::kLong);
  return bin.bincount({}, bins).to(at::kDouble) / std::max<double>(1, static_cast<double>(score.size(0)));
}

Detection judge_detection(const at::Tensor& score, const at::Tensor& anomalous, double threshold) {
  const at::Tensor alarm = score > threshold;
  const int64_t right = alarm.logical_and(anomalous).sum().item<int64_t>();
  Detection d;
  d.anomalies = anomalous.sum().item<int64_t>();
  d.normals = score.size(0) - d.anomalies;
  d.alarms = alarm.sum().item<int64_t>();
  d.auroc = auroc(score, anomalous);
  d.average_precision = average_precision(score, anomalous);
  d.precision = proportion(right, d.alarms);
  d.recall = proportion(right, d.anomalies);
  d.false_alarms = proportion(d.alarms - right, d.normals);
  d.f1.value =
      d.anomalies + d.alarms > 0 ? 2 * static_cast<double>(right) / static_cast<double>(d.anomalies + d.alarms) : kNan;
  return d;
}

}  // namespace obverse
