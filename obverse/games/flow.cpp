#include "obverse/games/flow.h"

#include <ATen/ATen.h>

#include <cmath>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/games/player_table.h"
#include "obverse/losses/likelihoods.h"

namespace obverse {

FlowGameOptions::FlowGameOptions() { optimiser.beta1 = 0.9; }

void FlowGameOptions::describe(Fields& f) {
  f.table("game", [&] {
    f("margin", margin, "of images: how far black and white lie from 0 and 1 before the logarithm of odds is taken",
      {1e-6, 0.4});
  });
  describe_player(f, "flow", flow, optimiser);
}

Flowed Dequantisation::forward(const at::Tensor& x, const at::Tensor& noise) const {
  if (!discrete()) return {x, at::zeros({x.size(0)}, x.options())};
  const auto levels = static_cast<double>(domain_.levels);
  const at::Tensor level = ((x + 1) * (0.5 * (levels - 1))).round();
  const at::Tensor w = margin_ + (1 - 2 * margin_) * (level + noise) / levels;
  const at::Tensor log_det = -w.log() - (1 - w).log() + (std::log(1 - 2 * margin_) - std::log(levels));
  return {w.log() - (1 - w).log(), log_det.flatten(1).sum(1)};
}

at::Tensor Dequantisation::inverse(const at::Tensor& y) const {
  if (!discrete()) return y;
  const auto levels = static_cast<double>(domain_.levels);
  const at::Tensor v = (y.sigmoid() - margin_) / (1 - 2 * margin_);
  return ((levels * v - 0.5) * (2 / (levels - 1)) - 1).clamp(-1, 1);
}

std::vector<LatentSpace> FlowModel::spaces() const {
  int64_t numbers = 1;
  for (const int64_t side : domain_.shape) numbers *= side;
  return {{"z", {numbers}}};
}

at::Tensor FlowModel::decode(const at::Tensor& code, const at::Tensor&) {
  return dequantisation_.inverse(flow_->inverse(code));
}

at::Tensor FlowModel::encode(const at::Tensor& x, const at::Tensor&) {
  return flow_->forward(dequantisation_.forward(x, at::full_like(x, 0.5)).value).value;
}

// The bound of several draws of noise is the logarithm of their mean density, as of importance samples.
at::Tensor FlowModel::log_prob(const at::Tensor& x, const at::Tensor&, int64_t samples, Rng& rng) {
  return without_grad([&] {
    std::vector<at::Tensor> each;
    for (int64_t i = 0; i < (dequantisation_.discrete() ? samples : 1); ++i) {
      const Flowed y = dequantisation_.forward(x, rng.uniform(x.sizes()).to(x.scalar_type()));
      const Flowed z = flow_->forward(y.value);
      each.push_back(standard_normal_log_prob(z.value) + z.log_det + y.log_det);
    }
    return log_mean_exp(at::stack(each));
  });
}

FlowGame::FlowGame(const FlowGameOptions& options, const Domain& domain, uint64_t seed)
    : domain_(domain), dequantisation_(domain, options.margin) {
  Rng rng(seed, "flow");
  flow_ = build(options.flow, {domain, 0, 0}, rng);
  players_ = {{"generator", {{"flow", flow_}}, options.optimiser}};
}

Terms FlowGame::loss(const Phase&, Round& round) {
  const at::Tensor x = round.next_batch().x;  // [N, ...]
  const Flowed y = dequantisation_.forward(x, dequantisation_.discrete() ? round.rng().uniform(x.sizes()) : x);
  const Flowed z = flow_->forward(y.value);
  const at::Tensor log_prob = (standard_normal_log_prob(z.value) + z.log_det + y.log_det).mean();
  const double nats = -mean_of(log_prob.detach()) / static_cast<double>(x.numel() / x.size(0));
  Terms terms;
  if (dequantisation_.discrete()) terms.watch("bits_per_dim", nats / std::log(2));
  terms.add("nats", -log_prob / static_cast<double>(x.numel() / x.size(0)));
  return terms;
}

std::unique_ptr<LatentModel> FlowGame::model() { return std::make_unique<FlowModel>(domain_, dequantisation_, flow_); }

}  // namespace obverse
