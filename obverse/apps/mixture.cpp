#include "obverse/apps/mixture.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace obverse {
namespace {

// log (weight_k N(x; mean_k, covariance_k)): [N, K].
at::Tensor log_parts(const GaussianMixture& m, const at::Tensor& x) {
  const auto d = static_cast<double>(x.size(1));
  const at::Tensor off = (x.unsqueeze(0) - m.mean.unsqueeze(1)).transpose(1, 2);  // [K, d, N]
  const at::Tensor white = at::linalg_solve_triangular(m.factor, off, /*upper=*/false);
  const at::Tensor log_det = m.factor.diagonal(0, 1, 2).log().sum(1);  // [K], half of it
  return (m.weight.log() - log_det - d / 2 * std::log(2 * M_PI)).unsqueeze(0) - 0.5 * white.square().sum(1).t();
}

// The components of samples that belong to them by shares [N, K].
GaussianMixture maximise(const at::Tensor& x, const at::Tensor& share, double least) {
  const at::Tensor count = share.sum(0) + 1e-9;  // [K]
  GaussianMixture m;
  m.weight = count / count.sum();
  m.mean = at::mm(share.t(), x) / count.unsqueeze(1);
  const at::Tensor off = x.unsqueeze(0) - m.mean.unsqueeze(1);  // [K, N, d]
  const at::Tensor covariance = at::bmm((off * share.t().unsqueeze(2)).transpose(1, 2), off) / count.view({-1, 1, 1});
  m.factor = at::linalg_cholesky(covariance + least * at::eye(x.size(1), x.options()));
  return m;
}

// Which of the means each sample is nearest to, as shares of 0 and 1.
at::Tensor nearest_share(const at::Tensor& x, const at::Tensor& mean) {
  return at::one_hot(at::cdist(x, mean).argmin(1), mean.size(0)).to(at::kDouble);
}

}  // namespace

GaussianMixture fit_mixture(const at::Tensor& x, int64_t components, Rng& rng) {
  const int64_t k = std::max<int64_t>(1, std::min(components, x.size(0) / (2 * x.size(1))));
  const double least = 1e-3 * x.var(0, false).mean().item<double>() + 1e-12;
  at::Tensor mean = x.index_select(0, rng.permutation(x.size(0)).slice(0, 0, k)), share = nearest_share(x, mean);
  for (int i = 0; i < 10; ++i) {
    const at::Tensor count = share.sum(0).unsqueeze(1);
    mean = at::where(count > 0, at::mm(share.t(), x) / count.clamp_min(1), mean);
    share = nearest_share(x, mean);
  }
  GaussianMixture m = maximise(x, share, least);
  double before = -HUGE_VAL;
  for (int i = 0; i < 50; ++i) {
    const at::Tensor parts = log_parts(m, x);
    const double now = parts.logsumexp(1).mean().item<double>();
    if (now - before < 1e-5 * std::abs(now)) break;
    before = now;
    m = maximise(x, parts.softmax(1), least);
  }
  return m;
}

at::Tensor mixture_log_prob(const GaussianMixture& m, const at::Tensor& x) { return log_parts(m, x).logsumexp(1); }

}  // namespace obverse
