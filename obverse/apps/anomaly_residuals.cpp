#include <ATen/ATen.h>

#include "obverse/apps/anomaly_scores.h"
#include "obverse/apps/slices.h"
#include "obverse/losses/reconstruction.h"

namespace obverse {
namespace {

// Where two sets of images differ, mean over channels: [N, H, W]; undefined for points.
at::Tensor difference_map(const at::Tensor& a, const at::Tensor& b) {
  return a.dim() == 4 ? (a - b).abs().mean(1) : at::Tensor();
}

at::Tensor absolute_sum(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().flatten(1).sum(1); }

// G(E(x)) of all samples.
at::Tensor back(LatentModel& model, const at::Tensor& x) {
  return by_slices(x, [&](const at::Tensor& part) { return model.decode(model.encode(part, {}), {}); });
}

// distance(x, x_back, codes) [n] of slices, and the map of what does not come back.
template <class Distance>
AnomalyScores score_back(LatentModel& model, const at::Tensor& x, const Distance& distance) {
  const at::Tensor returned = back(model, x), both = at::stack({x, returned}, 1);
  const at::Tensor value =
      by_slices(both, [&](const at::Tensor& part) { return distance(part.select(1, 0), part.select(1, 1)); });
  return {value.to(at::kDouble), difference_map(x, returned)};
}

}  // namespace

AnomalyScores score_reconstruction(const AnomalyTask& task, const NamedTensors&, const at::Tensor& x) {
  return score_back(task.model, x, mean_squared_error);
}

// MSE(x, G(E(x))) + kappa MSE(f(x), f(G(E(x)))).   Schlegl 2019, eq. 3 to 5
AnomalyScores score_f_anogan(const AnomalyTask& task, const NamedTensors&, const at::Tensor& x) {
  return score_back(task.model, x, [&](const at::Tensor& a, const at::Tensor& b) {
    return mean_squared_error(a, b) +
           task.options.kappa * mean_squared_error(task.model.features(a), task.model.features(b));
  });
}

// (1 - lambda) |x - G(E(x))|_1 + lambda |f(x, E(x)) - f(G(E(x)), E(x))|_1.   Zenati 2018, section 3, feature matching
AnomalyScores score_egbad(const AnomalyTask& task, const NamedTensors&, const at::Tensor& x) {
  const double lambda = task.options.lambda;
  return score_back(task.model, x, [&](const at::Tensor& a, const at::Tensor& b) {
    const at::Tensor code = task.model.encode(a, {});
    return (1 - lambda) * absolute_sum(a, b) +
           lambda * absolute_sum(task.model.pair_features(a, code), task.model.pair_features(b, code));
  });
}

// (1 - lambda) |x - G(z)|_1 + lambda |f(x) - f(G(z))|_1 at the code that latent optimisation finds.   Schlegl 2017,
// eq. 6. The code is that of the least squared error, not of this sum itself: optimise.h.
AnomalyScores score_anogan(const AnomalyTask& task, const NamedTensors&, const at::Tensor& x) {
  LatentModel& model = task.model;
  InvertOptions options;
  options.optimise = task.options.optimise;
  const at::Tensor found = invert(model, x, {}, options, task.rng).reconstruction;
  const double lambda = task.options.lambda;
  at::Tensor value = (1 - lambda) * absolute_sum(x, found);
  if (lambda > 0)
    value = value + lambda * by_slices(at::stack({x, found}, 1), [&](const at::Tensor& part) {
                      return absolute_sum(model.features(part.select(1, 0)), model.features(part.select(1, 1)));
                    });
  return {value.to(at::kDouble), difference_map(x, found)};
}

// -E_q log p(x | z).   An and Cho 2015, algorithm 4
AnomalyScores score_observation(const AnomalyTask& task, const NamedTensors&, const at::Tensor& x) {
  LatentModel& model = task.model;
  const at::Tensor value = by_slices(x, [&](const at::Tensor& part) {
    const CodeDistribution q = model.infer(part, {});
    at::Tensor sum = at::zeros({part.size(0)});
    for (int64_t i = 0; i < task.options.draws; ++i) sum = sum - model.log_observation(part, q.sample(task.rng), {});
    return sum / static_cast<double>(task.options.draws);
  });
  return {value.to(at::kDouble), difference_map(x, back(model, x))};
}

}  // namespace obverse
