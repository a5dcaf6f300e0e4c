#include "obverse/infer/probes.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/autograd.h"

namespace obverse {

at::Tensor nearest_labels(const at::Tensor& x, const at::Tensor& y, const at::Tensor& test_x) {
  return without_grad([&] {
    const at::Tensor centre = x.mean(0), rows = x - centre, square = rows.square().sum(1);  // keeps digits
    std::vector<at::Tensor> labels;
    constexpr int64_t kSlice = 500;
    for (int64_t i = 0; i < test_x.size(0); i += kSlice) {
      const at::Tensor part = test_x.slice(0, i, i + kSlice) - centre;
      labels.push_back(y.index_select(0, (square - 2 * at::mm(part, rows.t())).argmin(1)));
    }
    return at::cat(labels);
  });
}

at::Tensor linear_probe_labels(const at::Tensor& x, const at::Tensor& y, int64_t classes, const at::Tensor& test_x) {
  constexpr int64_t kBatch = 256, kEpochs = 10, kLeast = 300;  // at least so many steps
  constexpr double kRate = 0.05, kPenalty = 1e-4, kBeta1 = 0.9, kBeta2 = 0.99;
  const at::Tensor mean = x.mean(0), spread = x.std(0).clamp_min(1e-6);
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
