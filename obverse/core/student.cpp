#include "obverse/core/student.h"

#include <algorithm>
#include <cmath>

namespace obverse {

double student_p_value(double t, double degrees) {
  const double x = std::abs(t);
  if (degrees > 1e6) return std::erfc(x / std::sqrt(2.0));
  // Over the angle a with t = sqrt(v) tan a the density is cos(a)^(v - 1), smooth and on a finite range: Simpson's
  // rule.
  constexpr int kSteps = 4000;
  const double end = M_PI / 2, start = std::atan(x / std::sqrt(degrees)), h = (end - start) / kSteps;
  const auto density = [&](double a) { return std::pow(std::max(0.0, std::cos(a)), degrees - 1); };
  double sum = density(start) + density(end);
  for (int i = 1; i < kSteps; ++i) sum += (i % 2 ? 4 : 2) * density(start + i * h);
  const double whole = 0.5 * std::sqrt(M_PI) * std::exp(std::lgamma(degrees / 2) - std::lgamma((degrees + 1) / 2));
  return std::fmin(1.0, sum * h / 3 / whole);
}

double student_quantile(double p, double degrees) {
  double low = 0, high = 1;
  while (student_p_value(high, degrees) > p) high *= 2;
  for (int i = 0; i < 80; ++i) {
    const double middle = (low + high) / 2;
    (student_p_value(middle, degrees) > p ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace obverse
