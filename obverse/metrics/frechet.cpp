#include "obverse/metrics/frechet.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "obverse/core/error.h"
#include "obverse/metrics/jackknife.h"
#include "obverse/metrics/scatter.h"

namespace obverse {

Moments::Moments(const at::Tensor& mean, const at::Tensor& covariance)
    : count_(2), mean_(mean.to(at::kDouble)), scatter_(covariance.to(at::kDouble)) {}

void Moments::add(const at::Tensor& features) {
  if (features.size(0) == 0) return;
  const MeanAndScatter own = scatter_of(features);
  if (!own.mean.sum().isfinite().item<bool>())
    fail("features hold values that are not finite: the images or the feature network are broken");
  merge(features.size(0), own.mean, own.matrix);
}

void Moments::add(const Moments& other) {
  if (other.count_ > 0) merge(other.count_, other.mean_, other.scatter_);
}

void Moments::merge(int64_t count, const at::Tensor& mean, const at::Tensor& scatter) {
  if (count_ == 0) {
    count_ = count;
    mean_ = mean.clone();
    scatter_ = scatter.clone();
    return;
  }
  const double total = static_cast<double>(count_ + count), share = static_cast<double>(count) / total;
  const at::Tensor shift = mean - mean_;
  scatter_ = scatter_ + scatter + at::outer(shift, shift) * (static_cast<double>(count_) * share);
  mean_ = mean_ + shift * share;
  count_ += count;
}

at::Tensor Moments::covariance() const {
  if (count_ < 2) fail("a covariance needs at least two samples, there are {}", count_);
  return scatter_ / static_cast<double>(count_ - 1);
}

at::Tensor covariance_factor(const at::Tensor& covariance) {
  const auto [triangle, info] = at::linalg_cholesky_ex(covariance);
  if (info.item<int>() == 0) return triangle;
  const auto [values, vectors] = at::linalg_eigh(covariance);  // ascending
  const double noise = 1e-15 * static_cast<double>(covariance.size(0)) * std::max(values.max().item<double>(), 0.0);
  const at::Tensor kept = (values > noise).nonzero().flatten();
  return vectors.index_select(1, kept) * values.index_select(0, kept).sqrt();
}

double frechet_distance(const Moments& a, const at::Tensor& factor, const Moments& b) {
  if (a.mean().size(0) != b.mean().size(0))
    fail("features of {} and {} numbers cannot be compared: use one feature network for both", a.mean().size(0),
         b.mean().size(0));
  const at::Tensor covariance = b.covariance();
  const at::Tensor product = at::mm(factor.t(), at::mm(covariance, factor));
  const double root_trace =
      product.numel() == 0 ? 0 : at::linalg_eigvalsh(product).clamp_min(0).sqrt().sum().item<double>();
  const double shift = (a.mean() - b.mean()).square().sum().item<double>();
  const double traces = (a.covariance().trace() + covariance.trace()).item<double>();
  return std::max(0.0, shift + traces - 2 * root_trace);
}

double frechet_distance(const Moments& a, const Moments& b) {
  return frechet_distance(a, covariance_factor(a.covariance()), b);
}

namespace {

constexpr int64_t kParts = 40, kSizes = 15;  // samples are taken in fortieths

// Where the line through the distances of growing draws from `parts` stands at 1 / N = 0.
double limit_of(const Moments& reference, const at::Tensor& factor, const std::vector<Moments>& parts, Rng& rng) {
  const auto count = static_cast<double>(parts.size());
  std::vector<double> x, y;
  for (int64_t i = 0; i < kSizes; ++i) {
    const auto wanted = std::llround(count * (0.1 + 0.9 * static_cast<double>(i) / (kSizes - 1)));
    const at::Tensor order = rng.permutation(static_cast<int64_t>(parts.size()));
    Moments drawn;
    for (int64_t j = 0; j < wanted; ++j) drawn.add(parts[order[j].item<int64_t>()]);
    x.push_back(1 / static_cast<double>(drawn.count()));
    y.push_back(frechet_distance(reference, factor, drawn));
  }
  const at::Tensor a = at::tensor(x, at::kDouble), b = at::tensor(y, at::kDouble), centred = a - a.mean();
  const at::Tensor slope = (centred * b).sum() / centred.square().sum();
  return (b.mean() - slope * a.mean()).item<double>();
}

}  // namespace

FrechetLimit frechet_limit(const Moments& reference, const at::Tensor& factor, const at::Tensor& fake, bool error,
                           Rng& rng) {
  const int64_t n = fake.size(0);
  if (n < kParts) fail("fid_infinity needs at least {} samples, there are {}", kParts, n);
  const at::Tensor order = rng.permutation(n);
  std::vector<Moments> parts(kParts);
  for (int64_t i = 0; i < kParts; ++i)
    parts[i].add(fake.index_select(0, order.slice(0, i * n / kParts, (i + 1) * n / kParts)));
  FrechetLimit result;
  result.value = limit_of(reference, factor, parts, rng);
  if (!error) return result;
  result.standard_error = Jackknife::error([&](int64_t group) {
    std::vector<Moments> kept = parts;
    const auto first = kept.begin() + Jackknife::first(group, kParts);
    kept.erase(first, kept.begin() + Jackknife::first(group + 1, kParts));
    return limit_of(reference, factor, kept, rng);
  });
  return result;
}

}  // namespace obverse
