#pragma once

#include "obverse/games/game.h"
#include "obverse/games/image_pool.h"
#include "obverse/games/penalties.h"
#include "obverse/losses/adversarial.h"
#include "obverse/models/translators.h"

namespace obverse {

/// [game], [generator] and [discriminator] of a recipe whose game is of kind "cyclegan": both translators are of one
/// kind, and so are both discriminators.
struct CycleGanOptions : Options {
  std::string loss = "least-squares";
  double cycle = 5;  // the paper's 10: its least squares are twice as large as the table's
  double identity = 0.5;
  int64_t pool = 50;
  Penalties penalties;
  Choice<NetworkRow<Translator>> generator{translator_table(), "resnet"};
  Choice<NetworkRow<PatchDiscriminator>> discriminator{patch_discriminator_table(), "patchgan"};
  OptimiserOptions generator_optimiser, discriminator_optimiser;
  void describe(Fields& f) override;
};

/// Unpaired translation between two classes of images, Zhu 2017. With G: A -> B and F: B -> A,
///   G and F:  loss(D_B(G(a))) + loss(D_A(F(b))) + cycle (|F(G(a)) - a| + |G(F(b)) - b|)
///             + cycle identity (|G(b) - b| + |F(a) - a|),  |.| the mean of absolute differences
///   D_A, D_B: loss on real images and on generated ones from a pool; gradient penalties are of the patches' mean
///   logit.
/// A round's batch holds as many images of A as of B. The generators play first, and the discriminators see what they
/// made.
class CycleGan : public Game {
 public:
  CycleGan(const CycleGanOptions& options, const Domain& domain, uint64_t seed);
  std::vector<Player>& players() override { return players_; }
  std::vector<Phase> phases() override;
  Terms loss(const Phase& phase, Round& round) override;
  std::vector<std::pair<std::string, std::string>> formulas(const Phase& phase) override;
  std::unique_ptr<LatentModel> model() override;
  std::vector<std::string> averaged() override { return {"a_to_b", "b_to_a"}; }
  bool learns_to_generate() const override { return false; }
  bool batches_by_class() const override { return true; }
  bool intertwined() const override { return false; }
  NamedTensors state() override;

 private:
  /// Both domains' images, the same number of each.
  struct Pair {
    at::Tensor a, b;
  };
  Pair draw(Round& round) const;
  Terms generator_loss(Round& round);
  Terms discriminator_loss(Round& round);
  Terms penalty_loss(const Phase& phase, Round& round);
  void add_penalties(Terms& terms, const Phase& phase, Round& round, const Pair& real, const Pair& made) const;

  CycleGanOptions options_;
  const AdversarialLoss& loss_;
  Domain domain_;
  std::vector<Player> players_;
  std::shared_ptr<Translator> a_to_b_, b_to_a_;
  std::shared_ptr<PatchDiscriminator> judge_a_, judge_b_;
  ImagePool pool_a_, pool_b_;
  Pair real_, made_;  // of this round's generators' turn, until the discriminators have seen them
};

/// Translates: a code is an image of either class, and decode(image, y) makes it one of class y.
class TranslationModel : public LatentModel {
 public:
  TranslationModel(Domain domain, std::shared_ptr<Translator> to_a, std::shared_ptr<Translator> to_b);
  const Domain& domain() const override { return domain_; }
  std::vector<LatentSpace> spaces() const override { return {{"image", domain_.shape, "uniform"}}; }
  int64_t classes() const override { return 2; }
  bool translates() const override { return true; }
  at::Tensor decode(const at::Tensor& code, const at::Tensor& y) override;

 private:
  Domain domain_;
  std::shared_ptr<Translator> to_[2];
};

}  // namespace obverse
