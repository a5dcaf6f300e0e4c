#include "obverse/losses/f_divergences.h"

#include <ATen/ATen.h>

#include <array>
#include <cmath>

namespace obverse {

using at::softplus;
using at::Tensor;

namespace {

// exp(v), above 20 its tangent.
Tensor bounded_exp(const Tensor& v) {
  constexpr double kBend = 20;
  return v.clamp_max(kBend).exp() * (1 + (v - kBend).clamp_min(0));
}

Tensor itself(const Tensor& v) { return v; }

// Each: f, g(v), f*(g(v)) and the optimal v of a log-ratio r.
// KL: f = u log u, f* = exp(t - 1), f' = 1 + log u.
Tensor kl_f(const Tensor& u) { return u * u.log(); }
Tensor kl_conjugate(const Tensor& v) { return bounded_exp(v - 1); }
Tensor kl_optimal(const Tensor& r) { return 1 + r; }

// Reverse KL: f = -log u, f* = -1 - log(-t) on t < 0, f' = -1 / u.
Tensor reverse_f(const Tensor& u) { return -u.log(); }
Tensor reverse_output(const Tensor& v) { return -bounded_exp(-v); }
Tensor reverse_conjugate(const Tensor& v) { return v - 1; }

// Jensen-Shannon: f = u log u - (u + 1) log((u + 1) / 2), f* = -log(2 - e^t) on t < log 2, f' = log(2 u / (u + 1)).
Tensor jensen_f(const Tensor& u) { return u * u.log() - (u + 1) * ((u + 1) / 2).log(); }
Tensor jensen_output(const Tensor& v) { return std::log(2) - softplus(-v); }
Tensor jensen_conjugate(const Tensor& v) { return softplus(v) - std::log(2); }

// Pearson chi squared: f = (u - 1)^2, f* = t^2 / 4 + t, f' = 2 (u - 1).
Tensor pearson_f(const Tensor& u) { return (u - 1).square(); }
Tensor pearson_conjugate(const Tensor& v) { return 0.25 * v.square() + v; }
Tensor pearson_optimal(const Tensor& r) { return 2 * r.expm1(); }

// Squared Hellinger: f = (sqrt u - 1)^2, f* = t / (1 - t) on t < 1, f' = 1 - 1 / sqrt u.
Tensor hellinger_f(const Tensor& u) { return (u.sqrt() - 1).square(); }
Tensor hellinger_output(const Tensor& v) { return 1 - bounded_exp(-v); }
Tensor hellinger_conjugate(const Tensor& v) { return bounded_exp(v) - 1; }
Tensor hellinger_optimal(const Tensor& r) { return 0.5 * r; }

// Total variation: f = |u - 1| / 2, f* = t on |t| <= 1/2, f' = sign(u - 1) / 2, which tanh reaches only at infinity.
Tensor variation_f(const Tensor& u) { return 0.5 * (u - 1).abs(); }
Tensor variation_output(const Tensor& v) { return 0.5 * v.tanh(); }
Tensor variation_optimal(const Tensor& r) { return 20 * r.sign(); }

template <size_t row>
Tensor discriminator(const Tensor& real, const Tensor& fake) {
  const DivergenceRow& d = divergence_table()[row];
  return d.conjugate(fake) - d.output(real);
}
template <size_t row>
Tensor generator(const Tensor&, const Tensor& fake) {
  const DivergenceRow& d = divergence_table()[row];
  return -(d.by_bound ? d.conjugate : d.output)(fake);
}

constexpr size_t kRows = 6;
template <size_t... row>
constexpr std::array<std::array<LogitLoss, 2>, kRows> losses(std::index_sequence<row...>) {
  return {{{discriminator<row>, generator<row>}...}};
}
constexpr auto kLosses = losses(std::make_index_sequence<kRows>());

}  // namespace

const std::vector<DivergenceRow>& divergence_table() {
  static const std::vector<DivergenceRow> table = {
      {"kl", "Nowozin 2016, table 2: KL(P || Q), covers every mode", "v", "exp(v - 1)", kl_f, itself, kl_conjugate,
       kl_optimal},
      {"reverse-kl", "Nowozin 2016, table 2: KL(Q || P), seeks modes", "-exp(-v)", "v - 1", reverse_f, reverse_output,
       reverse_conjugate, itself, true},
      {"jensen-shannon", "Nowozin 2016, table 2, \"GAN\": 2 JS(P, Q)", "log 2 - softplus(-v)", "softplus(v) - log 2",
       jensen_f, jensen_output, jensen_conjugate, itself},
      {"pearson", "Nowozin 2016, table 2: Pearson's chi squared, E_Q[(p / q - 1)^2]", "v", "v^2 / 4 + v", pearson_f,
       itself, pearson_conjugate, pearson_optimal},
      {"squared-hellinger", "Nowozin 2016, table 2: integral of (sqrt p - sqrt q)^2", "1 - exp(-v)", "exp(v) - 1",
       hellinger_f, hellinger_output, hellinger_conjugate, hellinger_optimal},
      {"total-variation", "Nowozin 2016, supplement: half the integral of |p - q|", "tanh(v) / 2", "tanh(v) / 2",
       variation_f, variation_output, variation_output, variation_optimal},
  };
  return table;
}

LogitLoss divergence_discriminator(size_t row) { return kLosses.at(row)[0]; }
LogitLoss divergence_generator(size_t row) { return kLosses.at(row)[1]; }

}  // namespace obverse
