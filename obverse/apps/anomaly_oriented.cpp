#include <ATen/ATen.h>

#include "obverse/apps/anomaly_scores.h"
#include "obverse/apps/oriented_features.h"
#include "obverse/apps/slices.h"

namespace obverse {
namespace {

constexpr double kShrinkage = 0.05;  // of the covariance towards its mean variance

// Whitening by the covariance of normal vectors [N, F], shrunk: mean and Cholesky factor, float64.
NamedTensors learn_whitening(const at::Tensor& normal) {
  const at::Tensor v = normal.to(at::kDouble), mean = v.mean(0), off = v - mean;
  const at::Tensor covariance = at::mm(off.t(), off) / static_cast<double>(v.size(0));
  const at::Tensor floor = kShrinkage * covariance.diagonal().mean() + 1e-12;
  return {{"mean", mean}, {"factor", at::linalg_cholesky(covariance + floor * at::eye(v.size(1), v.options()))}};
}

// What each number adds to the squared Mahalanobis distance of v [N, F] from normal: [N, F].
at::Tensor contributions(const NamedTensors& learned, const at::Tensor& v) {
  const at::Tensor off = (v.to(at::kDouble) - find_tensor(learned, "mean", "detector")).t();  // [F, N]
  const at::Tensor factor = find_tensor(learned, "factor", "detector");
  return (off * at::cholesky_solve(off, factor)).t();
}

// f(x) and f(x) - f(G(E(x))) side by side [N, 16, h, w].
at::Tensor seen_and_missed(LatentModel& model, const at::Tensor& x) {
  return by_slices(x, [&](const at::Tensor& part) {
    const at::Tensor seen = oriented_features(part);
    return at::cat({seen, seen - oriented_features(model.decode(model.encode(part, {}), {}))}, 1);
  });
}

AnomalyScores score_features(const NamedTensors& learned, const at::Tensor& features, const at::Tensor& x) {
  const at::Tensor parts = contributions(learned, features.flatten(1)).view(features.sizes());
  const at::Tensor map = parts.sum(1, true).clamp_min(0).to(at::kFloat);  // [N, 1, h, w]
  return {parts.flatten(1).sum(1), at::upsample_bilinear2d(map, {x.size(2), x.size(3)}, false).squeeze(1)};
}

at::Tensor oriented(const at::Tensor& x) { return by_slices(x, oriented_features); }

}  // namespace

NamedTensors learn_oriented(const AnomalyTask&, const at::Tensor& x) { return learn_whitening(oriented(x).flatten(1)); }

AnomalyScores score_oriented(const AnomalyTask&, const NamedTensors& learned, const at::Tensor& x) {
  return score_features(learned, oriented(x), x);
}

NamedTensors learn_oriented_residual(const AnomalyTask& task, const at::Tensor& x) {
  return learn_whitening(seen_and_missed(task.model, x).flatten(1));
}

AnomalyScores score_oriented_residual(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x) {
  return score_features(learned, seen_and_missed(task.model, x), x);
}

}  // namespace obverse
