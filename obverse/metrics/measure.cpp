#include "obverse/metrics/measure.h"

#include <algorithm>
#include <cmath>

namespace obverse {

static const double kNone = std::nan("");

Value plain(std::string label, double value, bool higher_is_better) {
  return {std::move(label), value, kNone, kNone, "none", higher_is_better, {}};
}

Value share(std::string label, double p, int64_t n) {
  const double z2 = kNormal * kNormal, count = static_cast<double>(n);
  const double centre = (p + z2 / (2 * count)) / (1 + z2 / count);
  const double half = kNormal / (1 + z2 / count) * std::sqrt(p * (1 - p) / count + z2 / (4 * count * count));
  return {std::move(label),
          p,
          std::max(0.0, centre - half),
          std::min(1.0, centre + half),
          "Wilson, samples taken as independent",
          true,
          {}};
}

Value normal(std::string label, double value, double error, const std::string& how, bool higher_is_better) {
  const double half = kNormal * error;
  return {std::move(label), value, value - half, value + half, how, higher_is_better, {}};
}

at::Tensor real_sample(const Comparison& c) {
  return c.real.draw(std::min(c.fake.size(0), c.real.train().size()), c.seed);
}

}  // namespace obverse
