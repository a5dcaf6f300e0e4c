#pragma once

#include "obverse/games/game.h"
#include "obverse/models/flow.h"

namespace obverse {

/// [game] and [flow] of a recipe whose game is of kind "flow".
struct FlowGameOptions : Options {
  double margin = 0.05;
  Choice<NetworkRow<Transform>> flow{flow_table(), "realnvp"};
  OptimiserOptions optimiser;
  FlowGameOptions();
  void describe(Fields& f) override;
};

/// Samples of the domain as what flows work on. Points stay. An image's level k becomes v = (k + u) / levels with u
/// uniform in [0, 1), then log(w / (1 - w)) with w = margin + (1 - 2 margin) v: Dinh 2017, section 4.1. The density of
/// v bounds the probability of k from below: log P(k) >= E_u log p(v) - D log levels (Theis 2016, section 3.1).
class Dequantisation {
 public:
  Dequantisation(const Domain& domain, double margin) : domain_(domain), margin_(margin) {}
  /// noise: u, the shape of x [N, ...]; 1/2 for the middle of each level. Not looked at for points.
  Flowed forward(const at::Tensor& x, const at::Tensor& noise) const;
  /// Back to the domain; of the middle of a level exactly that level, between them what lies between.
  at::Tensor inverse(const at::Tensor& y) const;
  bool discrete() const { return domain_.kind == Domain::Kind::image; }

 private:
  Domain domain_;
  double margin_;
};

/// A LatentModel with exact inference: encode is the inverse of decode, codes have all numbers of a sample.
class FlowModel : public LatentModel {
 public:
  FlowModel(Domain domain, Dequantisation dequantisation, std::shared_ptr<Transform> flow)
      : domain_(std::move(domain)), dequantisation_(std::move(dequantisation)), flow_(std::move(flow)) {}
  const Domain& domain() const override { return domain_; }
  std::vector<LatentSpace> spaces() const override;
  at::Tensor decode(const at::Tensor& code, const at::Tensor& y) override;
  bool can_encode() const override { return true; }
  bool invertible() const override { return true; }
  at::Tensor encode(const at::Tensor& x, const at::Tensor& y) override;
  Likelihood likelihood() const override {
    return dequantisation_.discrete() ? Likelihood::lower_bound : Likelihood::exact;
  }
  at::Tensor log_prob(const at::Tensor& x, const at::Tensor& y, int64_t samples, Rng& rng) override;

 private:
  Domain domain_;
  Dequantisation dequantisation_;
  std::shared_ptr<Transform> flow_;
};

/// One player, who minimises -log p(x) a number of x, in nats. Unconditional.
class FlowGame : public Game {
 public:
  FlowGame(const FlowGameOptions& options, const Domain& domain, uint64_t seed);
  std::vector<Player>& players() override { return players_; }
  std::vector<Phase> phases() override { return {{"generator", "main"}}; }
  Terms loss(const Phase& phase, Round& round) override;
  std::unique_ptr<LatentModel> model() override;
  std::vector<std::string> averaged() override { return {"flow"}; }

 private:
  Domain domain_;
  Dequantisation dequantisation_;
  std::shared_ptr<Transform> flow_;
  std::vector<Player> players_;
};

}  // namespace obverse
