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

at::Tensor oriented(const at::Tensor& x) { return by_slices(x, oriented_features).to(at::kDouble); }  // [N, 8, h, w]

at::Tensor codes(LatentModel& model, const at::Tensor& x) {
  return by_slices(x, [&](const at::Tensor& part) { return model.encode(part, {}).flatten(1).to(at::kDouble); });
}

// What each cell of the features adds, as an image: [N, H, W].
at::Tensor cell_map(const at::Tensor& parts, const at::Tensor& x) {
  const at::Tensor map = parts.sum(1, true).clamp_min(0).to(at::kFloat);  // [N, 1, h, w]
  return at::upsample_bilinear2d(map, {x.size(2), x.size(3)}, false).squeeze(1);
}

// Histograms and codes side by side, codes in such units that their mean variance over normal samples is 1 too.
at::Tensor beside(const at::Tensor& features, const at::Tensor& code, const NamedTensors& learned) {
  const auto part = [&](const char* name) { return find_tensor(learned, name, "detector"); };
  return at::cat({features.flatten(1) / part("feature_unit"), code / part("code_unit")}, 1);
}

}  // namespace

NamedTensors learn_oriented(const AnomalyTask&, const at::Tensor& x) { return learn_whitening(oriented(x).flatten(1)); }

AnomalyScores score_oriented(const AnomalyTask&, const NamedTensors& learned, const at::Tensor& x) {
  const at::Tensor features = oriented(x);
  const at::Tensor parts = contributions(learned, features.flatten(1));
  return {parts.sum(1), cell_map(parts.view(features.sizes()), x)};
}

NamedTensors learn_oriented_code(const AnomalyTask& task, const at::Tensor& x) {
  const at::Tensor features = oriented(x), code = codes(task.model, x);
  const auto unit = [](const at::Tensor& v) { return v.var(0, false).mean().sqrt() + 1e-12; };
  NamedTensors learned = {{"feature_unit", unit(features.flatten(1))}, {"code_unit", unit(code)}};
  for (auto& [name, tensor] : learn_whitening(beside(features, code, learned))) learned.emplace_back(name, tensor);
  return learned;
}

AnomalyScores score_oriented_code(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x) {
  const at::Tensor features = oriented(x);
  const at::Tensor parts = contributions(learned, beside(features, codes(task.model, x), learned));
  const at::Tensor of_cells = parts.slice(1, 0, features.numel() / features.size(0)).view(features.sizes());
  return {parts.sum(1), cell_map(of_cells, x)};
}

}  // namespace obverse
