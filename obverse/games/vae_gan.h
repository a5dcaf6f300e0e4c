#pragma once

#include "obverse/games/autoencoder.h"
#include "obverse/games/penalties.h"
#include "obverse/losses/adversarial.h"

namespace obverse {

/// [game], [generator], [encoder] and [discriminator] of a recipe whose game is of kind "vae-gan".
struct VaeGanOptions : AutoencoderOptions {
  std::string loss = "non-saturating";
  double kl_weight = 0.01;
  double similarity_weight = 1;
  double image_weight = 0;
  Penalties penalties;
  Choice<NetworkRow<Discriminator>> discriminator{discriminator_table(), "dcgan"};
  OptimiserOptions encoder_optimiser, discriminator_optimiser;
  void describe(Fields& f) override;
  GeneratorParts generator_parts() const override { return {z_dim, "normal", conditional, generator, discriminator}; }
};

/// VAE/GAN, Larsen 2016, algorithm 1, with f the discriminator's features and x' = G(z), z from the Gaussian E(x):
///   encoder: kl_weight KL / d + S, with S = similarity_weight ||f(x') - f(x)||^2 / F + image_weight ||x' - x||^2 / n
///   generator: S + its adversarial loss, the mean over x' and over samples of the prior
///   discriminator: its adversarial loss on x against x' and against samples of the prior; and gradient penalties on x
///   and on samples of the prior, which the paper has not
/// f is held fixed where S is minimised. Sums in the paper are means here, so that weights do not depend on sizes.
class VaeGan : public Game {
 public:
  VaeGan(const VaeGanOptions& options, const Domain& domain, uint64_t seed);
  std::vector<Player>& players() override { return players_; }
  std::vector<Phase> phases() override;
  Terms loss(const Phase& phase, Round& round) override;
  std::unique_ptr<LatentModel> model() override { return std::make_unique<NetworkModel>(networks_); }
  bool intertwined() const override { return false; }  // features of x are constants for G and E
  std::vector<std::string> averaged() override { return {"generator", "encoder"}; }

 private:
  /// What one batch becomes: the samples, their reconstructions and as many samples of the prior.
  struct Views {
    Batch real;
    CodeDistribution code;
    at::Tensor back, drawn;  // G(E(x)), G(z): [N, ...]; the latter where it is asked for
  };
  Views look(Round& round, bool with_drawn) const;
  Terms discriminator_loss(const Views& views, const Phase& phase, Round& round) const;

  VaeGanOptions options_;
  const AdversarialLoss& loss_;
  Networks networks_;
  std::vector<Player> players_;
};

}  // namespace obverse
