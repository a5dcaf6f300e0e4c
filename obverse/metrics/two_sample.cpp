#include "obverse/metrics/two_sample.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/metrics/small_adam.h"

namespace obverse {
namespace {

constexpr int64_t kHidden = 64, kBatch = 100, kEpochs = 20, kFewestSteps = 500;

class Judge {
 public:
  Judge(int64_t width, Rng& rng)
      : parameters_{(rng.normal({width, kHidden}) * std::sqrt(2.0 / static_cast<double>(width))), at::zeros({kHidden}),
                    rng.normal({kHidden, 1}) * std::sqrt(1.0 / kHidden), at::zeros({1})} {
    for (const at::Tensor& p : parameters_) p.set_requires_grad(true);
  }
  const std::vector<at::Tensor>& parameters() const { return parameters_; }
  at::Tensor logits(const at::Tensor& x) const {  // [N, F] -> [N]
    const at::Tensor hidden = at::relu(at::addmm(parameters_[1], x, parameters_[0]));
    return at::addmm(parameters_[3], hidden, parameters_[2]).squeeze(1);
  }

 private:
  std::vector<at::Tensor> parameters_;
};

// x, labels: [N, F], [N] of 0 and 1.
Judge train_judge(const at::Tensor& x, const at::Tensor& labels, Rng& rng) {
  Judge judge(x.size(1), rng);
  SmallAdam optimiser(judge.parameters());
  const int64_t n = x.size(0), batch = std::min(kBatch, n);
  const int64_t steps = std::max(kFewestSteps, kEpochs * n / batch);
  at::Tensor order;
  for (int64_t step = 0, at = n; step < steps; ++step, at += batch) {
    if (at + batch > n) order = rng.permutation(n), at = 0;
    const at::Tensor rows = order.slice(0, at, at + batch);
    const at::Tensor loss =
        at::binary_cross_entropy_with_logits(judge.logits(x.index_select(0, rows)), labels.index_select(0, rows));
    optimiser.step(loss, 1e-3 * 0.5 * (1 + std::cos(M_PI * static_cast<double>(step) / static_cast<double>(steps))));
  }
  return judge;
}

}  // namespace

TwoSampleTest classifier_test(const at::Tensor& x, const at::Tensor& y, Rng& rng) {
  const int64_t n = std::min(x.size(0), y.size(0)), half = n / 2;
  if (half < 4) fail("a classifier two-sample test needs at least 8 samples on each side, there are {}", n);
  const at::Tensor a = x.index_select(0, rng.permutation(x.size(0)).slice(0, 0, 2 * half)).to(at::kFloat);
  const at::Tensor b = y.index_select(0, rng.permutation(y.size(0)).slice(0, 0, 2 * half)).to(at::kFloat);
  const at::Tensor learnt = at::cat({a.slice(0, 0, half), b.slice(0, 0, half)});
  const at::Tensor held_out = at::cat({a.slice(0, half), b.slice(0, half)});
  const at::Tensor labels = at::cat({at::zeros({half}), at::ones({half})});
  const at::Tensor mean = learnt.mean(0), scale = learnt.std(0) + 1e-6;  // a feature that never changes stays at 0
  const Judge judge = train_judge((learnt - mean) / scale, labels, rng);
  const at::Tensor said = without_grad([&] { return judge.logits((held_out - mean) / scale); }) > 0;
  TwoSampleTest result;
  result.held_out = 2 * half;
  const auto right = static_cast<double>((said == labels.to(at::kBool)).sum().item<int64_t>());
  const auto count = static_cast<double>(result.held_out);
  result.accuracy = right / count;
  result.p_value = 0.5 * std::erfc((right - 0.5 - count / 2) / std::sqrt(count / 4) / std::sqrt(2.0));
  return result;
}

}  // namespace obverse
