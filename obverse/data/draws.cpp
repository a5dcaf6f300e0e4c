#include "obverse/data/draws.h"

#include <ATen/ATen.h>

#include <cmath>
#include <utility>

namespace obverse {

double Draws::uniform() { return std::ldexp(static_cast<double>(rng_.bits() >> 11), -53); }

int64_t Draws::integer(int64_t bound) { return static_cast<int64_t>(uniform() * static_cast<double>(bound)); }

double Draws::normal() {  // Box-Muller
  const double u = 1 - uniform(), v = uniform();
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * 3.14159265358979323846 * v);
}

at::Tensor Draws::permutation(int64_t n) {  // Fisher-Yates
  at::Tensor order = at::arange(n, at::kLong);
  auto* o = order.data_ptr<int64_t>();
  for (int64_t i = n - 1; i > 0; --i) std::swap(o[i], o[integer(i + 1)]);
  return order;
}

}  // namespace obverse
