#pragma once

#include "obverse/games/game.h"
#include "obverse/games/generator_source.h"
#include "obverse/games/network_model.h"

namespace obverse {

/// [game] and [encoder] of a recipe whose game is of kind "encoder". The recipe names a trained model; what its
/// networks are is copied from it, so that the effective recipe, and with it the encoder's own model file, stands by
/// itself.
struct EncoderGameOptions : Options, GeneratorSource {
  std::string model;            // file or run folder of the generator
  std::string model_hash;       // SHA-256 of that file; empty: not looked at yet
  double latent_weight = 0.02;  // more costs reconstruction, none leaves codes free to leave the prior
  double image_weight = 1;
  double feature_weight = 0.1;
  int64_t z_dim = 64;
  std::string prior = "normal";
  bool conditional = false;
  bool has_discriminator = true;
  Choice<NetworkRow<Generator>> generator;
  Choice<NetworkRow<Discriminator>> discriminator;
  Choice<NetworkRow<Encoder>> encoder;
  OptimiserOptions optimiser;
  EncoderGameOptions();
  void describe(Fields& f) override;
  GeneratorParts generator_parts() const override;
  /// Copies the networks' options from `model`, once. Throws UserError when it is missing, has no generator,
  /// or no discriminator where feature_weight needs one.
  void complete();
};

/// One player, who learns E for a frozen G. With weights of the recipe's choice it minimises
///   latent:  E over G's own samples of ||E(G(z)) - z||^2 / d             (ziz of Schlegl 2019; Donahue 2017, latent
///   regressor) image:   E over real samples of ||G(E(x)) - x||^2 / n                (izi) feature: E over real samples
///   of ||f(G(E(x))) - f(x)||^2 / ||f(x)||^2  (izi_f, f the discriminator's features)
/// The last is relative to ||f||^2, where the paper divides by the number of features: one weight then suits any
/// discriminator.
class EncoderGame : public Game {
 public:
  EncoderGame(const EncoderGameOptions& options, const Domain& domain, uint64_t seed);
  std::vector<Player>& players() override { return players_; }
  std::vector<Phase> phases() override { return {{"encoder", "main"}}; }
  Terms loss(const Phase& phase, Round& round) override;
  std::unique_ptr<LatentModel> model() override;
  std::vector<std::string> averaged() override { return {"encoder"}; }
  bool learns_to_generate() const override { return false; }
  std::vector<std::pair<std::string, std::shared_ptr<Module>>> fixed_modules() override;
  /// Fetches the generator's and discriminator's weights. Throws UserError when the model is not the one the recipe was
  /// completed with, or is for other data.
  void begin() override;

 private:
  void add_reconstruction(const Batch& real, Terms& terms);
  void add_latent(const Batch& real, Round& round, Terms& terms);

  EncoderGameOptions options_;
  Networks networks_;
  std::shared_ptr<Generator> generator_;
  std::shared_ptr<Discriminator> discriminator_;  // null where the model has none
  std::shared_ptr<Encoder> encoder_;
  std::vector<Player> players_;
};

}  // namespace obverse
