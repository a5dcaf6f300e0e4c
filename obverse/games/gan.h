#pragma once

#include "obverse/games/game.h"
#include "obverse/games/generator_source.h"
#include "obverse/games/network_model.h"
#include "obverse/losses/adversarial.h"
#include "obverse/losses/penalties.h"
#include "obverse/models/networks.h"

namespace obverse {

/// One penalty of a recipe: [game.r1] weight, interval.
struct PenaltyOptions : Options {
  Schedule weight = 0.0;
  int64_t interval = 1;
  void describe(Fields& f) override;
};

/// [game], [generator] and [discriminator] of a recipe whose game is of kind "gan".
struct GanOptions : Options, GeneratorSource {
  std::string loss = "non-saturating";
  int64_t z_dim = 64;
  std::string prior = "normal";
  bool conditional = false;
  int64_t critic_steps = 1;
  std::vector<PenaltyOptions> penalties;  // one a row of penalty_table()
  Choice<NetworkRow<Generator>> generator;
  Choice<NetworkRow<Discriminator>> discriminator;
  OptimiserOptions generator_optimiser, discriminator_optimiser;
  GanOptions();
  void describe(Fields& f) override;
  GeneratorParts generator_parts() const override;
};

/// The two-player game of Goodfellow 2014 with any pair of losses and any penalties.
class Gan : public Game {
 public:
  Gan(const GanOptions& options, const Domain& domain, uint64_t seed);
  std::vector<Player>& players() override { return players_; }
  std::vector<Phase> phases() override;
  Terms loss(const Phase& phase, Round& round) override;
  std::unique_ptr<LatentModel> model() override;
  std::vector<std::string> averaged() override { return {"generator"}; }
  int64_t batches_per_round() override { return options_.critic_steps; }

 protected:
  std::vector<Player> players_;
  Networks networks_;

 private:
  Terms discriminator_loss(Round& round);
  Terms generator_loss(Round& round);
  Terms penalty_loss(const std::string& name, Round& round);
  at::Tensor generate(const at::Tensor& y, Round& round);  // y: labels, or undefined
  struct Judgement {
    std::vector<at::Tensor> logits, slopes;
  };
  Judgement judge(const std::vector<at::Tensor>& batches, const at::Tensor& y, bool with_slope);
  double strength(size_t penalty, const Round& round) const;

  GanOptions options_;
  const AdversarialLoss& loss_;
  std::shared_ptr<Generator> generator_;
  std::shared_ptr<Discriminator> discriminator_;
};

}  // namespace obverse
