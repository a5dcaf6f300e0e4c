#include "obverse/recipe/schedule.h"

#include <algorithm>
#include <cmath>

namespace obverse {

double Schedule::at(double progress) const {
  const double t = std::clamp((progress - start) / std::max(over, 1e-12), 0.0, 1.0);
  if (shape == "geometric") return from * std::pow(to / from, t);
  return from + (to - from) * (shape == "linear" ? t : 0.5 * (1 - std::cos(M_PI * t)));
}

bool Schedule::operator==(const Schedule& o) const {
  return from == o.from && to == o.to && (constant() || (start == o.start && over == o.over && shape == o.shape));
}

}  // namespace obverse
