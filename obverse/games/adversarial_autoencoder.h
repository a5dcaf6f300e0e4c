#pragma once

#include "obverse/games/autoencoder.h"
#include "obverse/games/penalties.h"
#include "obverse/losses/adversarial.h"

namespace obverse {

/// [game], [generator], [encoder] and [discriminator] of a recipe whose game is of kind "adversarial-autoencoder".
struct AdversarialAutoencoderOptions : AutoencoderOptions {
  std::string loss = "non-saturating";
  bool stochastic = false;
  double adversarial_weight = 0.02;
  Penalties penalties;  // of the discriminator of codes: draws of the prior are its real samples
  Choice<NetworkRow<Discriminator>> discriminator{discriminator_table(), "mlp"};
  OptimiserOptions discriminator_optimiser;
  void describe(Fields& f) override;
};

/// The adversarial autoencoder (Makhzani 2016): the discriminator tells codes E(x) from draws of the prior; generator
/// and encoder, one player, minimise ||G(E(x)) - x||^2 / n plus the encoder's adversarial loss. The paper takes the two
/// in turn, with separate optimisers.
class AdversarialAutoencoder : public Game {
 public:
  AdversarialAutoencoder(const AdversarialAutoencoderOptions& options, const Domain& domain, uint64_t seed);
  std::vector<Player>& players() override { return players_; }
  std::vector<Phase> phases() override;
  Terms loss(const Phase& phase, Round& round) override;
  std::unique_ptr<LatentModel> model() override { return std::make_unique<NetworkModel>(networks_); }
  bool intertwined() const override { return !options_.penalties.needs_fake({"discriminator"}); }
  std::vector<std::string> averaged() override { return {"generator", "encoder"}; }

 private:
  AdversarialAutoencoderOptions options_;
  const AdversarialLoss& loss_;
  Networks networks_;
  std::shared_ptr<Discriminator> discriminator_;  // of codes
  std::vector<Player> players_;
};

}  // namespace obverse
