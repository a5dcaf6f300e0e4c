#include "obverse/metrics/bins.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "obverse/core/error.h"

namespace obverse {
namespace {

constexpr int64_t kSlice = 8192, kSeeded = 10'000, kRounds = 30;

// Each further centre is a row drawn with a chance proportional to its squared distance to those there are.
at::Tensor first_centres(const at::Tensor& x, int64_t k, Rng& rng) {
  at::Tensor nearest = at::full({x.size(0)}, INFINITY, at::kDouble);
  std::vector<at::Tensor> centres = {x[rng.integers(x.size(0), {1}).item<int64_t>()]};
  while (static_cast<int64_t>(centres.size()) < k) {
    nearest = at::minimum(nearest, (x - centres.back()).square().sum(1).to(at::kDouble));
    const at::Tensor sums = nearest.cumsum(0);
    const at::Tensor wanted = rng.uniform({1}).to(at::kDouble) * sums[-1];
    const auto row = at::searchsorted(sums, wanted, /*out_int32=*/false, /*right=*/true).item<int64_t>();
    centres.push_back(x[std::min(row, x.size(0) - 1)]);
  }
  return at::stack(centres);
}

at::Tensor kl(const at::Tensor& p, const at::Tensor& q) { return (at::xlogy(p, p) - at::xlogy(p, q)).sum(); }

}  // namespace

at::Tensor nearest_centre(const at::Tensor& x, const at::Tensor& centres) {
  const at::Tensor squares = centres.square().sum(1);
  std::vector<at::Tensor> parts;
  for (const at::Tensor& part : x.to(at::kFloat).split(kSlice))
    parts.push_back(at::addmm(squares, part, centres.t(), 1, -2).argmin(1));
  return at::cat(parts);
}

at::Tensor k_means(const at::Tensor& x, int64_t k, Rng& rng) {
  if (x.size(0) < k) fail("{} samples cannot fill {} bins: use more samples", x.size(0), k);
  const at::Tensor rows = x.to(at::kFloat);
  at::Tensor centres = first_centres(rows.index_select(0, rng.permutation(x.size(0)).slice(0, 0, kSeeded)), k, rng);
  at::Tensor last;
  for (int64_t round = 0; round < kRounds; ++round) {
    const at::Tensor bins = nearest_centre(rows, centres);
    if (last.defined() && at::equal(bins, last)) break;
    const at::Tensor counts = at::bincount(bins, {}, k).unsqueeze(1);
    const at::Tensor sums = at::zeros({k, x.size(1)}).index_add_(0, bins, rows);
    centres = at::where(counts > 0, sums / counts.clamp_min(1), centres);  // an empty bin stays where it is
    last = bins;
  }
  return centres;
}

BinDifference compare_bins(const at::Tensor& real, const at::Tensor& fake) {
  const at::Tensor a = real.to(at::kDouble), b = fake.to(at::kDouble), n = a.sum(), m = b.sum();
  const at::Tensor p = a / n, q = b / m, pooled = (a + b) / (n + m);
  const at::Tensor error = (pooled * (1 - pooled) * (1 / n + 1 / m)).sqrt();
  const at::Tensor differ = ((p - q).abs() > 1.959964 * error).to(at::kDouble);
  const at::Tensor middle = (p + q) / 2;
  return {differ.mean().item<double>(), (0.5 * (kl(p, middle) + kl(q, middle))).item<double>()};
}

}  // namespace obverse
