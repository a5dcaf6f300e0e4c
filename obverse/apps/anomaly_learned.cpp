#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "obverse/apps/anomaly_scores.h"
#include "obverse/apps/slices.h"
#include "obverse/metrics/small_adam.h"

namespace obverse {
namespace {

constexpr int64_t kWidth = 256, kBatch = 128;
constexpr double kRate = 1e-3;

// Two dense layers, leaky ReLU between them; the hidden layer are the features.
struct SmallNetwork {
  at::Tensor w1, b1, w2, b2;

  SmallNetwork(int64_t inputs, int64_t outputs, Rng& rng) {
    const auto scale = [](int64_t n) { return std::sqrt(2 / static_cast<double>(n)); };
    w1 = rng.normal({inputs, kWidth}) * scale(inputs);
    w2 = rng.normal({kWidth, outputs}) * scale(kWidth);
    b1 = at::zeros({kWidth});
    b2 = at::zeros({outputs});
  }
  explicit SmallNetwork(const NamedTensors& named) {
    const auto part = [&](const char* name) { return find_tensor(named, name, "detector"); };
    w1 = part("w1"), b1 = part("b1"), w2 = part("w2"), b2 = part("b2");
  }
  NamedTensors named() const {
    return {{"w1", w1.detach()}, {"b1", b1.detach()}, {"w2", w2.detach()}, {"b2", b2.detach()}};
  }
  at::Tensor features(const at::Tensor& x) const { return at::leaky_relu(at::addmm(b1, x.flatten(1), w1), 0.2); }
  at::Tensor operator()(const at::Tensor& x) const { return at::addmm(b2, features(x), w2); }

  /// Adam on the loss of random rows of 0 .. n - 1, its step falling to 0.
  void learn(int64_t n, int64_t steps, Rng& rng, const std::function<at::Tensor(const at::Tensor& rows)>& loss) {
    std::vector<at::Tensor> parameters = {w1, b1, w2, b2};
    for (at::Tensor& p : parameters) p.requires_grad_(true);
    SmallAdam adam(parameters);
    for (int64_t i = 0; i < steps; ++i) {
      const at::Tensor rows = rng.integers(n, {std::min(n, kBatch)});
      adam.step(loss(rows), kRate * 0.5 * (1 + std::cos(M_PI * static_cast<double>(i) / static_cast<double>(steps))));
    }
    for (at::Tensor& p : parameters) p.requires_grad_(false);
  }
};

at::Tensor codes(LatentModel& model, const at::Tensor& x) {
  return by_slices(x, [&](const at::Tensor& part) { return model.encode(part, {}).flatten(1); });
}

at::Tensor decoded(LatentModel& model, const at::Tensor& code) {
  return by_slices(code, [&](const at::Tensor& part) { return model.decode(part, {}); });
}

at::Tensor pair(const at::Tensor& a, const at::Tensor& b) { return at::cat({a.flatten(1), b.flatten(1)}, 1); }

}  // namespace

// E2 minimises |E2(G(E(x))) - E(x)|^2 over normal samples.
NamedTensors learn_ganomaly(const AnomalyTask& task, const at::Tensor& x) {
  const at::Tensor code = codes(task.model, x), back = decoded(task.model, code);
  SmallNetwork second(back.numel() / back.size(0), code.size(1), task.rng);
  second.learn(x.size(0), task.options.learning_steps, task.rng, [&](const at::Tensor& rows) {
    return (second(back.index_select(0, rows)) - code.index_select(0, rows)).square().mean();
  });
  return second.named();
}

// |E(x) - E2(G(E(x)))|_1.   Akcay 2018, eq. 5, with a second encoder that is learned when the first is done
AnomalyScores score_ganomaly(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x) {
  const SmallNetwork second(learned);
  const at::Tensor code = codes(task.model, x), back = decoded(task.model, code);
  const at::Tensor map = x.dim() == 4 ? (x - back).abs().mean(1) : at::Tensor();
  return {(code - second(back)).abs().sum(1).to(at::kDouble), map};
}

// D minimises softplus(-D(x, x)) + softplus(D(x, G(E(x)))) over normal samples.
NamedTensors learn_alad(const AnomalyTask& task, const at::Tensor& x) {
  const at::Tensor back = decoded(task.model, codes(task.model, x));
  SmallNetwork judge(2 * x.numel() / x.size(0), 1, task.rng);
  judge.learn(x.size(0), task.options.learning_steps, task.rng, [&](const at::Tensor& rows) {
    const at::Tensor real = x.index_select(0, rows), fake = back.index_select(0, rows);
    return (at::softplus(-judge(pair(real, real))) + at::softplus(judge(pair(real, fake)))).mean();
  });
  return judge.named();
}

// |f(x, x) - f(x, G(E(x)))|_1, f the features of a discriminator of pairs of samples.   Zenati 2018 (ALAD), eq. 8, with
// a discriminator that is learned when the model is done
AnomalyScores score_alad(const AnomalyTask& task, const NamedTensors& learned, const at::Tensor& x) {
  const SmallNetwork judge(learned);
  const at::Tensor back = decoded(task.model, codes(task.model, x));
  const at::Tensor value = by_slices(at::stack({x, back}, 1), [&](const at::Tensor& part) {
    const at::Tensor a = part.select(1, 0), b = part.select(1, 1);
    return (judge.features(pair(a, a)) - judge.features(pair(a, b))).abs().sum(1).to(at::kDouble);
  });
  return {value, x.dim() == 4 ? (x - back).abs().mean(1) : at::Tensor()};
}

}  // namespace obverse
