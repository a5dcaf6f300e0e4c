#pragma once

#include "obverse/games/game.h"
#include "obverse/games/generator_source.h"
#include "obverse/games/network_model.h"
#include "obverse/games/path_length.h"
#include "obverse/games/penalties.h"
#include "obverse/games/view.h"
#include "obverse/losses/adversarial.h"
#include "obverse/models/networks.h"

namespace obverse {

/// When networks that grow by stages do, in shares of the run: each stage is held, then the next fades in.
struct GrowthOptions : Options {
  double hold = 0.1, fade = 0.1;
  void describe(Fields& f) override;
  /// The stage at work, with the share to which the next has faded in. Karras 2018, appendix A.
  double level(double progress) const;
};

/// [game], [generator] and [discriminator] of a recipe whose game is of kind "gan".
struct GanOptions : Options, GeneratorSource {
  std::string loss = "non-saturating";
  int64_t z_dim = 64;
  std::string prior = "normal";
  bool conditional = false;
  int64_t critic_steps = 1;
  double label_smoothing = 0;
  double consistency_real = 0, consistency_fake = 0;
  std::vector<std::string> consistency_by = {"flip", "shift"};  // rows of augment_table()
  double class_weight = 1;
  double drift = 0;
  GrowthOptions growth;
  double style_mixing = 0;
  PathLengthOptions path_length;
  ViewOptions view;
  Penalties penalties;
  Choice<NetworkRow<Generator>> generator;
  Choice<NetworkRow<Discriminator>> discriminator;
  OptimiserOptions generator_optimiser, discriminator_optimiser;
  GanOptions();
  void describe(Fields& f) override;
  GeneratorParts generator_parts() const override;
};

/// The two-player game of Goodfellow 2014 with any pair of losses and any penalties. Beside them, each with its weight:
///   label smoothing    real samples' label is 1 - share; Salimans 2016, section 3.4
///   consistency        (D(x) - D(T(x)))^2, T random changes such as flip and shift, of real and of generated samples;
///                      Zhang 2020 (CR-GAN), Zhao 2021 (bCR)
///   drift              D(x)^2 on real samples, so that a critic's zero stays where it is; Karras 2018, appendix A.1
///   style mixing       by chance, layers from a random one on take the style of another code; Karras 2019, section 3.1
///   path length        see PathLength
///   classes            cross-entropy of the auxiliary classifier, on real and generated samples in D's turn, on
///                      generated ones in G's; Odena 2017
class Gan : public Game {
 public:
  Gan(const GanOptions& options, const Domain& domain, uint64_t seed);
  std::vector<Player>& players() override { return players_; }
  std::vector<Phase> phases() override;
  Terms loss(const Phase& phase, Round& round) override;
  std::vector<std::pair<std::string, std::string>> formulas(const Phase& phase) override;
  std::unique_ptr<LatentModel> model() override;
  std::vector<std::string> averaged() override { return {"generator"}; }
  int64_t batches_per_round() override { return options_.critic_steps; }
  bool intertwined() const override;
  NamedTensors state() override;

 protected:
  std::vector<Player> players_;
  Networks networks_;

 private:
  /// D's opinion of a batch: logits [N], and where they were asked for the gradient there and the features [N, F].
  struct Judgement {
    at::Tensor logits, slope, features;
  };
  /// Samples that D is to be asked about.
  struct Question {
    at::Tensor x;
    bool with_slope = false;
  };
  Terms discriminator_loss(Round& round);
  Terms generator_loss(Round& round);
  Terms penalty_loss(const Phase& phase, Round& round);
  Terms feature_discriminator_loss(Round& round);
  Terms path_length_loss(Round& round);
  at::Tensor generate(const at::Tensor& y, Round& round);                       // y: labels, or undefined
  at::Tensor mixed_styles(const at::Tensor& z, const at::Tensor& y, Rng& rng);  // [N, layers, w_dim]
  std::vector<Judgement> judge(const std::vector<Question>& questions, const at::Tensor& y);
  std::vector<Judgement> look(const std::vector<at::Tensor>& batches, const at::Tensor& y, bool with_slope);
  at::Tensor slope_of_witness(const at::Tensor& x, const at::Tensor& real, const at::Tensor& fake);
  at::Tensor class_loss(const at::Tensor& features, const at::Tensor& y);
  void grow(double progress);
  void watch(Terms& terms, const at::Tensor& real_scores, const at::Tensor& fake_scores);

  GanOptions options_;
  const AdversarialLoss& loss_;
  std::shared_ptr<Generator> generator_;
  std::shared_ptr<StyleGenerator> styles_;  // the generator, where it is one of styles
  PathLength path_length_;
  std::shared_ptr<Discriminator> judge_;          // the network
  std::shared_ptr<View> view_;                    // null where it sees samples as they are
  std::shared_ptr<Discriminator> discriminator_;  // the view of it, where there is one
};

}  // namespace obverse
