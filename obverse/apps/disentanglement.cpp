#include "obverse/apps/disentanglement.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/error.h"

namespace obverse {
namespace {

constexpr int64_t kBins = 20;

// Each number's bin, of equal width between its extremes: [N, d] int64.
at::Tensor binned(const at::Tensor& code) {
  const at::Tensor low = std::get<0>(code.min(0)), width = (std::get<0>(code.max(0)) - low) / kBins;
  const at::Tensor bin = ((code - low) / width.clamp_min(1e-12)).floor().to(at::kLong);
  return bin.clamp(0, kBins - 1);
}

// How often the j-th number's bin and the factor's value meet: [bins, size] float64.
at::Tensor meetings(const at::Tensor& bin, const at::Tensor& value, int64_t size) {
  return (bin * size + value).bincount({}, kBins * size).to(at::kDouble).view({kBins, size});
}

double entropy(const at::Tensor& counts) {  // nats
  const at::Tensor share = counts.flatten() / counts.sum();
  return -at::xlogy(share, share).sum().item<double>();
}

// The largest of a row less the second largest.
double gap(const std::vector<double>& row) {
  std::vector<double> sorted = row;
  std::sort(sorted.rbegin(), sorted.rend());
  return sorted.size() > 1 ? sorted[0] - sorted[1] : sorted[0];
}

void check(const at::Tensor& code, const FactorTable& factors) {
  if (code.dim() != 2 || code.size(0) != factors.values.size(0))
    fail("disentanglement: {} codes for {} samples of known factors", code.size(0), factors.values.size(0));
}

at::Tensor factor(const FactorTable& factors, size_t k) {
  return factors.values.select(1, static_cast<int64_t>(k)).contiguous();
}

// min_w |x w - y|^2 / (2 n) + penalty |w|_1 a column of y, by coordinate descent over standardised x [n, d]: [d, m].
at::Tensor lasso(const at::Tensor& x, const at::Tensor& y, double penalty) {
  constexpr int kSweeps = 50;
  const double n = static_cast<double>(x.size(0));
  const at::Tensor gram = at::mm(x.t(), x) / n, right = at::mm(x.t(), y) / n;  // [d, d], [d, m]
  at::Tensor w = at::zeros_like(right);
  for (int sweep = 0; sweep < kSweeps; ++sweep)
    for (int64_t j = 0; j < x.size(1); ++j) {
      const double own = gram[j][j].item<double>();
      if (own < 1e-9) continue;
      const at::Tensor rest = right[j] - at::mv(w.t(), gram[j]) + own * w[j];
      w[j].copy_(rest.sign() * (rest.abs() - penalty).clamp_min(0) / own);
    }
  return w;
}

// 1 - entropy of each row's shares over log of their number, weighted by the rows' sums.
double concentration(const at::Tensor& importance) {
  const double total = importance.sum().item<double>();
  if (total <= 0 || importance.size(1) < 2) return 0;
  double sum = 0;
  for (int64_t i = 0; i < importance.size(0); ++i) {
    const double weight = importance[i].sum().item<double>() / total;
    if (weight > 0) sum += weight * (1 - entropy(importance[i]) / std::log(static_cast<double>(importance.size(1))));
  }
  return sum;
}

}  // namespace

double mutual_information_gap(const at::Tensor& code, const FactorTable& factors) {
  check(code, factors);
  const at::Tensor bins = binned(code.to(at::kDouble));
  double sum = 0;
  for (size_t k = 0; k < factors.sizes.size(); ++k) {
    std::vector<double> information;
    double certain = 0;  // the factor's entropy
    for (int64_t j = 0; j < code.size(1); ++j) {
      const at::Tensor joint = meetings(bins.select(1, j), factor(factors, k), factors.sizes[k]);
      certain = entropy(joint.sum(0));
      information.push_back(entropy(joint.sum(1)) + certain - entropy(joint));
    }
    sum += gap(information) / certain;
  }
  return sum / static_cast<double>(factors.sizes.size());
}

Dci dci(const at::Tensor& code, const FactorTable& factors) {
  check(code, factors);
  const at::Tensor x64 = code.to(at::kDouble);
  const at::Tensor x = (x64 - x64.mean(0)) / x64.std(0).clamp_min(1e-9);
  const int64_t half = x.size(0) / 2;
  const double penalty = 1.5 / std::sqrt(static_cast<double>(half));  // three standard errors of what chance gives
  std::vector<at::Tensor> importance;
  double informed = 0;
  for (size_t k = 0; k < factors.sizes.size(); ++k) {
    const at::Tensor value = factor(factors, k), target = at::one_hot(value, factors.sizes[k]).to(at::kDouble);
    const at::Tensor mean = target.slice(0, 0, half).mean(0);
    const at::Tensor w = lasso(x.slice(0, 0, half), target.slice(0, 0, half) - mean, penalty);  // [d, size]
    importance.push_back(w.abs().sum(1));
    const at::Tensor right = (at::mm(x.slice(0, half), w) + mean).argmax(1) == value.slice(0, half);
    const double chance = 1 / static_cast<double>(factors.sizes[k]),
                 accuracy = right.to(at::kDouble).mean().item<double>();
    informed += std::max(0.0, (accuracy - chance) / (1 - chance));
  }
  const at::Tensor r = at::stack(importance, 1);  // [d, factors]
  return {concentration(r), concentration(r.t()), informed / static_cast<double>(factors.sizes.size())};
}

double attribute_predictability(const at::Tensor& code, const FactorTable& factors) {
  check(code, factors);
  const at::Tensor bins = binned(code.to(at::kDouble));
  const int64_t half = code.size(0) / 2;
  double sum = 0;
  for (size_t k = 0; k < factors.sizes.size(); ++k) {
    const at::Tensor value = factor(factors, k);
    std::vector<double> accuracy;
    for (int64_t j = 0; j < code.size(1); ++j) {
      const at::Tensor bin = bins.select(1, j);
      const at::Tensor common = meetings(bin.slice(0, 0, half), value.slice(0, 0, half), factors.sizes[k]).argmax(1);
      const at::Tensor right = common.index_select(0, bin.slice(0, half)) == value.slice(0, half);
      accuracy.push_back(right.to(at::kDouble).mean().item<double>());
    }
    sum += gap(accuracy);
  }
  return sum / static_cast<double>(factors.sizes.size());
}

double factor_vae_score(const at::Tensor& code, const FactorTable& factors, Rng& rng) {
  check(code, factors);
  constexpr int64_t kBatch = 64, kVotes = 800;
  constexpr double kStill = 0.05;
  const at::Tensor all = code.to(at::kDouble), variance = all.var(0);
  const at::Tensor moving = (variance > kStill * variance.max()).nonzero().squeeze(1);
  const at::Tensor x = all.index_select(1, moving) / variance.index_select(0, moving).sqrt();
  const auto count = static_cast<int64_t>(factors.sizes.size());
  at::Tensor votes[2] = {at::zeros({x.size(1), count}, at::kLong), at::zeros({x.size(1), count}, at::kLong)};
  for (int64_t i = 0; i < 2 * kVotes; ++i) {
    const int64_t k = rng.integers(count, {1}).item<int64_t>();
    const at::Tensor value = factor(factors, static_cast<size_t>(k));
    const int64_t wanted = value[rng.integers(value.size(0), {1}).item<int64_t>()].item<int64_t>();
    const at::Tensor rows = (value == wanted).nonzero().squeeze(1);
    const at::Tensor batch = x.index_select(0, rows.index_select(0, rng.integers(rows.size(0), {kBatch})));
    votes[i % 2][batch.var(0).argmin()][k] += 1;
  }
  const at::Tensor elected = votes[0].argmax(1, true);  // [d, 1]: the factor that each number stands for
  return static_cast<double>(votes[1].gather(1, elected).sum().item<int64_t>()) / static_cast<double>(kVotes);
}

}  // namespace obverse
