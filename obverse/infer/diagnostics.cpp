#include "obverse/infer/diagnostics.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace obverse {
namespace {

// [chains, draws, d] -> [2 chains, draws / 2, d] float64; of an odd number the middle draw is left out.
at::Tensor split(const at::Tensor& draws) {
  const int64_t half = draws.size(1) / 2;
  return at::cat({draws.slice(1, 0, half), draws.slice(1, draws.size(1) - half)}).to(at::kDouble);
}

struct Variances {
  at::Tensor within, pooled;  // [d]
};

Variances variances(const at::Tensor& x) {
  const auto n = static_cast<double>(x.size(1));
  const at::Tensor within = x.var(1).mean(0), between = x.mean(1).var(0);
  return {within, within * ((n - 1) / n) + between};
}

}  // namespace

at::Tensor split_r_hat(const at::Tensor& draws) {
  const Variances v = variances(split(draws));
  return (v.pooled / v.within.clamp_min(1e-300)).sqrt();
}

// Autocorrelations over all chains, rho_t = 1 - (W - mean autocovariance at t) / pooled; their sum is cut where the sum
// of two neighbours is no longer positive, and such sums may only fall.
at::Tensor effective_sample_size(const at::Tensor& draws) {
  const at::Tensor x = split(draws);
  const int64_t chains = x.size(0), n = x.size(1), numbers = x.size(2);
  const Variances v = variances(x);
  const at::Tensor centred = x - x.mean(1, true);
  const at::Tensor total = at::full({numbers}, static_cast<double>(chains * n), at::kDouble);
  at::Tensor sum = at::zeros({numbers}, at::kDouble), last = at::full({numbers}, 1e300, at::kDouble);
  at::Tensor open = at::ones({numbers}, at::kBool);
  const auto correlation = [&](int64_t lag) {
    const at::Tensor products = centred.slice(1, 0, n - lag) * centred.slice(1, lag);
    const at::Tensor covariance = products.sum(1).mean(0) / static_cast<double>(n);
    return 1 -
           (v.within - covariance * (static_cast<double>(n) / static_cast<double>(n - 1))) / v.pooled.clamp_min(1e-300);
  };
  for (int64_t lag = 0; lag + 1 < n && open.any().item<bool>(); lag += 2) {
    const at::Tensor first = lag == 0 ? at::ones({numbers}, at::kDouble) : correlation(lag);
    const at::Tensor pair = at::minimum(first + correlation(lag + 1), last);
    open = open & (pair > 0);
    sum = sum + at::where(open, pair, at::zeros_like(pair));
    last = pair;
  }
  const at::Tensor time = (2 * sum - 1).clamp_min(1 / std::log10(static_cast<double>(chains * n)));
  return total / time;
}

}  // namespace obverse
