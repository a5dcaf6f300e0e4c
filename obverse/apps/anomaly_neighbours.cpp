#include <ATen/ATen.h>

#include <algorithm>

#include "obverse/apps/anomaly_scores.h"
#include "obverse/apps/neighbour_distance.h"
#include "obverse/apps/slices.h"
#include "obverse/io/image.h"

namespace obverse {
namespace {

at::Tensor codes(LatentModel& model, const at::Tensor& x) {
  return by_slices(x, [&](const at::Tensor& part) { return model.encode(part, {}).flatten(1); });
}

}  // namespace

at::Tensor neighbour_distance(const at::Tensor& x, const at::Tensor& normal, int64_t count) {
  const at::Tensor centre = normal.mean(0), rows = normal - centre, square = rows.square().sum(1);  // keeps digits
  const int64_t k = std::min(count, normal.size(0));
  return by_slices(x, [&](const at::Tensor& part) {
    const at::Tensor off = part - centre;
    const at::Tensor near = off.square().sum(1, true) + square - 2 * at::mm(off, rows.t());  // [n, M]
    const at::Tensor least = std::get<0>(near.topk(k, 1, /*largest=*/false));
    return least.clamp_min(0).sqrt().mean(1).to(at::kDouble);
  });
}

NamedTensors learn_code_neighbours(const AnomalyTask& task, const at::Tensor& x) {
  return {{"codes", codes(task.model, x)}};
}

AnomalyScores score_code_neighbours(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x) {
  return {neighbour_distance(codes(task.model, x), find_tensor(learned, "codes", "detector"), task.options.neighbours),
          {}};
}

NamedTensors learn_pixel_neighbours(const AnomalyTask&, const at::Tensor& x) { return {{"samples", x}}; }

AnomalyScores score_pixel_neighbours(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x) {
  const at::Tensor normal = find_tensor(learned, "samples", "detector").flatten(1);
  return {neighbour_distance(x.flatten(1), normal, task.options.neighbours), {}};
}

}  // namespace obverse
