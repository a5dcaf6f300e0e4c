#include "obverse/infer/probes.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/autograd.h"

namespace obverse {

namespace {

// The rows of x nearest to each row of test_x, the nearest first: [M, count].
at::Tensor nearest_rows(const at::Tensor& x, const at::Tensor& test_x, int64_t count) {
  return without_grad([&] {
    const at::Tensor centre = x.mean(0), rows = x - centre, square = rows.square().sum(1);  // keeps digits
    std::vector<at::Tensor> nearest;
    constexpr int64_t kSlice = 500;
    for (int64_t i = 0; i < test_x.size(0); i += kSlice) {
      const at::Tensor part = test_x.slice(0, i, i + kSlice) - centre;
      const at::Tensor distance = square - 2 * at::mm(part, rows.t());
      nearest.push_back(count == 1 ? distance.argmin(1, true) : std::get<1>(distance.topk(count, 1, false)));
    }
    return at::cat(nearest);
  });
}

}  // namespace

at::Tensor nearest_labels(const at::Tensor& x, const at::Tensor& y, const at::Tensor& test_x) {
  return y.index_select(0, nearest_rows(x, test_x, 1).squeeze(1));
}

at::Tensor neighbour_labels(const at::Tensor& x, const at::Tensor& y, int64_t classes, const at::Tensor& test_x,
                            int64_t count) {
  const at::Tensor near = nearest_rows(x, test_x, std::min(count, x.size(0)));    // [M, k]
  const at::Tensor label = y.index_select(0, near.flatten()).view(near.sizes());  // [M, k]
  // Nearer neighbours weigh a little more, too little to outvote anyone.
  const at::Tensor weight = 1 + at::linspace(0.5, 0, near.size(1), at::kDouble) / static_cast<double>(near.size(1));
  const at::Tensor votes = at::zeros({near.size(0), classes}, at::kDouble)
                               .scatter_add(1, label, weight.unsqueeze(0).expand(near.sizes()).contiguous());
  return votes.argmax(1);
}

at::Tensor linear_probe_labels(const at::Tensor& x, const at::Tensor& y, int64_t classes, const at::Tensor& test_x) {
  constexpr int64_t kBatch = 256, kEpochs = 10, kLeast = 300;  // at least so many steps
  constexpr double kRate = 0.05, kPenalty = 1e-4, kBeta1 = 0.9, kBeta2 = 0.99;
  const at::Tensor mean = x.mean(0), spread = x.size(0) > 1 ? x.std(0).clamp_min(1e-6) : at::ones_like(mean);
  const auto standard = [&](const at::Tensor& t) {  // with a column of ones for the bias
    return at::cat({(t - mean) / spread, at::ones({t.size(0), 1}, t.options())}, 1);
  };
  const int64_t batches = std::max<int64_t>(1, x.size(0) / kBatch), steps = std::max(kLeast, kEpochs * batches);
  return without_grad([&] {
    const at::Tensor wanted = at::one_hot(y, classes).to(x.scalar_type());
    at::Tensor w = at::zeros({x.size(1) + 1, classes}, x.options()), first = at::zeros_like(w),
               second = at::zeros_like(w);
    for (int64_t t = 1; t <= steps; ++t) {  // a batch is every so-manieth row, whatever their order
      const int64_t offset = (t - 1) % batches;
      const at::Tensor rows = standard(x.slice(0, offset, {}, batches));
      const at::Tensor error = at::softmax(at::mm(rows, w), 1) - wanted.slice(0, offset, {}, batches);  // [n, classes]
      const at::Tensor slope = at::mm(rows.t(), error) / static_cast<double>(rows.size(0)) + kPenalty * w;
      first.mul_(kBeta1).add_(slope, 1 - kBeta1);
      second.mul_(kBeta2).addcmul_(slope, slope, 1 - kBeta2);
      const auto step = static_cast<double>(t);
      const double rate = kRate * 0.5 * (1 + std::cos(M_PI * step / static_cast<double>(steps)));
      w.sub_(rate / (1 - std::pow(kBeta1, step)) * first / ((second / (1 - std::pow(kBeta2, step))).sqrt() + 1e-8));
    }
    return at::mm(standard(test_x), w).argmax(1);
  });
}

}  // namespace obverse
