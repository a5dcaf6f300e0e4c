#include "obverse/recipe/schedule.h"

#include <algorithm>
#include <cmath>

namespace obverse {

// Eight values, geometrically spaced, each held three times as long as the one before: 3^0 .. 3^7 parts of 3280. Burda
// 2016, section 5.
static double tripling(double from, double to, double t) {
  constexpr double kParts = 3280, kLast = 7;
  const double step = std::min(kLast, std::floor(std::log(1 + 2 * kParts * t) / std::log(3) + 1e-9));
  return from * std::pow(to / from, step / kLast);
}

double Schedule::at(double progress) const {
  const double t = std::clamp((progress - start) / std::max(over, 1e-12), 0.0, 1.0);
  if (shape == "geometric") return from * std::pow(to / from, t);
  if (shape == "tripling") return tripling(from, to, t);
  return from + (to - from) * (shape == "linear" ? t : 0.5 * (1 - std::cos(M_PI * t)));
}

bool Schedule::operator==(const Schedule& o) const {
  return from == o.from && to == o.to && (constant() || (start == o.start && over == o.over && shape == o.shape));
}

}  // namespace obverse
