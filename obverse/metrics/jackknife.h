#pragma once

#include <cmath>
#include <cstdint>

namespace obverse {

/// Standard error of a statistic from its values with each of `kGroups` groups of samples left out in turn (Efron
/// 1982). Draws with replacement would be wrong for distances between sets: copies shrink a covariance and sit on each
/// other.
struct Jackknife {
  static constexpr int64_t kGroups = 10;
  static constexpr double kStudent = 2.262157;  // two-sided 95 %, 9 degrees of freedom

  /// f(left out) for each group 0 .. kGroups - 1.
  template <class F>
  static double error(F&& f) {
    double values[kGroups], mean = 0, squares = 0;
    for (int64_t g = 0; g < kGroups; ++g) mean += (values[g] = f(g)) / kGroups;
    for (const double v : values) squares += (v - mean) * (v - mean);
    return std::sqrt(squares * (kGroups - 1) / kGroups);
  }

  /// Rows [first, last) of group g of n.
  static int64_t first(int64_t g, int64_t n) { return g * n / kGroups; }
};

}  // namespace obverse
