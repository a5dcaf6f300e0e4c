#pragma once

#include <optional>

#include "obverse/games/autoencoder.h"
#include "obverse/losses/adversarial.h"

namespace obverse {

/// [game], [generator], [encoder] and [discriminator] of a recipe whose game is of kind "bigan".
struct BiganOptions : AutoencoderOptions {
  std::string loss = "non-saturating";
  std::string prior = "normal";
  bool stochastic = false;
  int64_t critic_steps = 1;
  Schedule r1 = 0.0, r2 = 0.0;
  int64_t penalty_interval = 1;
  Schedule cycle_image = 0.0, cycle_feature = 0.0, cycle_latent = 0.0;
  double code_match = 0, code_rate = 0;
  int64_t cycle_interval = 1;
  bool adversarial_encoder = true;
  Choice<NetworkRow<JointDiscriminator>> discriminator{joint_discriminator_table(), "dcgan"};
  OptimiserOptions discriminator_optimiser;
  void describe(Fields& f) override;
  GeneratorParts generator_parts() const override { return {z_dim, prior, conditional, generator, {}}; }
};

/// Those of a recipe of kind "veegan".
struct VeeganOptions : BiganOptions {
  VeeganOptions() {
    cycle_latent = 1.0;
    adversarial_encoder = false;
  }
};

/// The same tables with the defaults of kind "two-way": (x, z ~ q(z | x)) against (G(z), z), R1 and R2 on both, and
/// cycles that hold the two directions together. The loss is any; at short budgets the non-saturating one is ahead.
struct TwoWayOptions : BiganOptions {
  TwoWayOptions();
};

/// Adversarially learned inference: a joint discriminator tells pairs (x, E(x)) from pairs (G(z), z); generator and
/// encoder, one player, each make its pairs pass for the other's. With a deterministic encoder it is BiGAN (Donahue
/// 2017), with a Gaussian one, reparameterised, ALI (Dumoulin 2017; the generator stays deterministic). Zero-centred
/// penalties (Mescheder 2018) are taken of the joint input, E(x) and G(z) detached; the cycle terms are those of ALICE
/// (Li 2017):
///   image:  ||G(E(x)) - x||^2 / n        latent:  ||E(G(z)) - z||^2 / d, E the mean of q(z | x) when stochastic,
/// (-log q(z | G(z)) instead, whose slope grows as 1 / variance, takes the game over), and, as in Larsen 2016, the
/// image's in the discriminator's features of x: ||f(G(E(x))) - f(x)||^2 / F. code_match pulls mean and variance of a
/// batch's codes to the prior's (moment_divergence): codes that are merely too long need no discriminator. code_rate is
/// a price on KL(q(z | x) || N(0, 1)) as in a VAE: with q(z) the prior it is what codes tell of x. Where the
/// encoder is not adversarial it learns from cycle terms alone. With the latent one it is then VEEGAN's reconstructor
/// (Srivastava 2017, algorithm 1): it takes every mode of the data to some code, and where G has dropped a mode, pairs
/// of it with their codes give G away.
class Bigan : public Game {
 public:
  Bigan(const BiganOptions& options, const Domain& domain, uint64_t seed);
  std::vector<Player>& players() override { return players_; }
  bool intertwined() const override;
  std::vector<Phase> phases() override;
  Terms loss(const Phase& phase, Round& round) override;
  std::vector<std::pair<std::string, std::string>> formulas(const Phase& phase) override;
  /// Both main phases share one forward pass of G and E, together or in turn, unless penalties are taken every round.
  std::vector<Terms> gradients(const std::vector<Phase>& phases, Round& round) override;
  std::unique_ptr<LatentModel> model() override;
  std::vector<std::string> averaged() override { return {"generator", "encoder"}; }
  int64_t batches_per_round() override { return options_.critic_steps; }

 private:
  struct Pairs {
    Batch real;             // x, y
    CodeDistribution code;  // E(x)
    at::Tensor z_real;      // drawn from it
    at::Tensor x_fake, z;   // G(z), z
  };
  Pairs make_pairs(Round& round) const;
  struct Judgement {
    at::Tensor real_features;             // [N, F], of x
    at::Tensor real_logits, fake_logits;  // [N]
    at::Tensor real_slope, fake_slope;    // [N, n + d], where penalties are on
  };
  Judgement judge(const Pairs& pairs) const;
  Judgement judge_with_gradient(const Pairs& pairs) const;
  bool penalised(const Round& round) const;
  bool never_penalised() const;
  bool penalised_apart() const;
  Terms discriminator_loss(Round& round);
  Terms discriminator_terms(const Judgement& judgement) const;
  void add_penalties(const Judgement& judgement, const Round& round, Terms& terms) const;
  Terms penalty_loss(Round& round);
  Terms turn(const Phase& phase, Round& round);
  Terms generator_loss(const Pairs& pairs, const Judgement& judgement, const Round& round) const;
  void add_cycles(const Pairs& pairs, const at::Tensor& real_features, double progress, Terms& terms) const;

  BiganOptions options_;
  const AdversarialLoss& loss_;
  Networks networks_;
  std::shared_ptr<JointDiscriminator> discriminator_;
  std::vector<Player> players_;
  std::optional<Pairs> shared_;  // of the discriminator's turn, for the generator's
};

}  // namespace obverse
