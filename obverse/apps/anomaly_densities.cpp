#include <ATen/ATen.h>

#include "obverse/apps/anomaly_scores.h"
#include "obverse/apps/mixture.h"
#include "obverse/apps/slices.h"

namespace obverse {
namespace {

at::Tensor surprise(const AnomalyTask& task, const at::Tensor& x) {  // -log p(x), nats: [N] float64
  return by_slices(x, [&](const at::Tensor& part) {
    return -task.model.log_prob(part, {}, task.options.draws, task.rng).to(at::kDouble);
  });
}

at::Tensor codes(LatentModel& model, const at::Tensor& x) {
  return by_slices(x, [&](const at::Tensor& part) { return model.encode(part, {}).flatten(1).to(at::kDouble); });
}

}  // namespace

AnomalyScores score_likelihood(const AnomalyTask& task, const NamedTensors&, const at::Tensor& x) {
  return {surprise(task, x), {}};
}

// |-log p(x) - H|, H the median of -log p over normal samples: what is too probable is as strange as what is too
// improbable.   Nalisnick 2019, eq. 4, of single samples; the paper's H is the mean, which a single normal sample that
// the flow finds all but impossible carries away
AnomalyScores score_typicality(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x) {
  return {(surprise(task, x) - find_tensor(learned, "entropy", "detector")).abs(), {}};
}

NamedTensors learn_typicality(const AnomalyTask& task, const at::Tensor& x) {
  constexpr int64_t kEnough = 2000;
  return {{"entropy", surprise(task, x.slice(0, 0, kEnough)).median()}};
}

NamedTensors learn_code_mixture(const AnomalyTask& task, const at::Tensor& x) {
  const GaussianMixture m = fit_mixture(codes(task.model, x), task.options.components, task.rng);
  return {{"weight", m.weight}, {"mean", m.mean}, {"factor", m.factor}};
}

AnomalyScores score_code_mixture(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x) {
  const auto part = [&](const char* name) { return find_tensor(learned, name, "detector"); };
  return {-mixture_log_prob({part("weight"), part("mean"), part("factor")}, codes(task.model, x)), {}};
}

}  // namespace obverse
