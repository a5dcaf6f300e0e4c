// Tables are made by + - * / of doubles alone, which IEEE 754 defines to the last bit; CMakeLists.txt keeps this file's
// products and sums from being contracted into one rounding. No function of a mathematics library is called: those
// differ from version to version.
#include "obverse/apps/fixed_point.h"

#include <algorithm>
#include <vector>

namespace obverse {
namespace {

constexpr int kStepBits = 7;
constexpr int64_t kSteps = 1 << kStepBits;  // of a table, a unit of its argument

double power_of_two(int exponent) { return static_cast<double>(int64_t{1} << exponent); }

int64_t rounded(double x) { return static_cast<int64_t>(x + 0.5); }  // x >= 0

// e^x, -40 <= x <= 40: (e^(x / 64))^64, the root by its series.
double series_exp(double x) {
  const double small = x / 64;
  double term = 1, sum = 1;
  for (int k = 1; k < 20; ++k) sum += term = term * small / k;
  for (int k = 0; k < 6; ++k) sum *= sum;
  return sum;
}

// 1/2 + phi(x) (x + x^3 / 3 + x^5 / (3 5) + ...), 0 <= x <= 8; the terms of positive x are all positive.
double series_normal_cdf(double x) {
  double term = x, sum = x;
  for (int k = 1; k < 200; ++k) sum += term = term * x * x / (2 * k + 1);
  return 0.5 + 0.39894228040143267794 * series_exp(-0.5 * x * x) * sum;
}

// A function at every 1 / kSteps from -reach to reach, straight lines in between.
struct Table {
  int64_t reach;
  std::vector<int64_t> values;

  // t: in 2^-bits.
  int64_t at(int64_t t, int bits) const {
    const int shift = bits - kStepBits;
    const int64_t low = -reach * (int64_t{1} << bits);
    const int64_t place = std::clamp(t, low, -low - 1) - low, rest = place & ((int64_t{1} << shift) - 1);
    const auto index = static_cast<size_t>(place >> shift);
    return values[index] + ((values[index + 1] - values[index]) * rest >> shift);
  }
};

// share: of 1, for x >= 0; the other half is its mirror image.
template <class F>
Table distribution_table(int64_t reach, const F& share) {
  Table table{reach, std::vector<int64_t>(static_cast<size_t>(2 * reach * kSteps + 1))};
  const auto middle = static_cast<size_t>(reach * kSteps);
  for (size_t i = 0; i <= middle; ++i) {
    const double x = static_cast<double>(i) / static_cast<double>(kSteps);
    const int64_t value = std::min(kWholeShare, rounded(share(x) * power_of_two(kShareBits)));
    table.values[middle + i] = value;
    table.values[middle - i] = kWholeShare - value;
  }
  table.values.front() = 0;
  table.values.back() = kWholeShare;
  return table;
}

}  // namespace

int64_t integer_sigmoid(int64_t t) {
  static const Table table = distribution_table(24, [](double x) { return 1 / (1 + series_exp(-x)); });
  return table.at(t, kArgumentBits);
}

int64_t integer_normal_cdf(int64_t t) {
  static const Table table = distribution_table(8, series_normal_cdf);
  return table.at(t, kArgumentBits);
}

int64_t integer_normal_quantile(int64_t share) {
  int64_t low = -(int64_t{8} << kArgumentBits), high = -low;
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    (integer_normal_cdf(middle) < share ? low : high) = middle;
  }
  return high;
}

int64_t integer_exp(int64_t t) {
  static const Table table = [] {
    Table made{16, {}};
    for (int64_t i = -16 * kSteps; i <= 16 * kSteps; ++i)
      made.values.push_back(
          rounded(series_exp(static_cast<double>(i) / static_cast<double>(kSteps)) * power_of_two(24)));
    return made;
  }();
  constexpr int64_t kUnit = int64_t{1} << kActivationBits;
  return table.at(std::clamp(t, -16 * kUnit, 8 * kUnit), kActivationBits);
}

int64_t integer_tanh(int64_t t) {
  constexpr int64_t kMost = int64_t{32} << kActivationBits;
  const int64_t twice = std::clamp(t, -kMost, kMost) * (int64_t{2} << (kArgumentBits - kActivationBits));
  return (2 * integer_sigmoid(twice) - kWholeShare) / (int64_t{1} << (kShareBits - kActivationBits));
}

}  // namespace obverse
