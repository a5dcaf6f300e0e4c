#pragma once

#include "obverse/games/game.h"
#include "obverse/models/made.h"

namespace obverse {

/// [game] and [network] of a recipe whose game is of kind "made".
struct MadeGameOptions : Options {
  bool binarise = true;
  MadeOptions network;
  OptimiserOptions optimiser;
  MadeGameOptions();
  void describe(Fields& f) override;
};

/// An autoregressive model as a LatentModel: pixels are drawn one after the other, each on where its own number of the
/// code, as a share u of the normal distribution, lies below its probability p. The code that `encode` gives is the
/// middle of those that give the image back: u = p / 2 where a pixel is on, (1 + p) / 2 where it is off.
class MadeModel : public LatentModel {
 public:
  MadeModel(Domain domain, std::shared_ptr<Made> made, bool binarise)
      : domain_(std::move(domain)), made_(std::move(made)), binarise_(binarise) {}
  const Domain& domain() const override { return domain_; }
  std::vector<LatentSpace> spaces() const override;
  /// Piecewise constant in the code.
  at::Tensor decode(const at::Tensor& code, const at::Tensor& y) override;
  bool differentiable() const override { return false; }
  bool can_encode() const override { return true; }
  bool invertible() const override { return true; }
  at::Tensor encode(const at::Tensor& x, const at::Tensor& y) override;
  CodingNetworks coding_networks() const override { return {made_->dense_layers(), {}, "bernoulli", 0}; }
  Likelihood likelihood() const override { return Likelihood::exact; }
  at::Tensor log_prob(const at::Tensor& x, const at::Tensor& y, int64_t samples, Rng& rng) override;

 private:
  at::Tensor probabilities(const at::Tensor& pixels);  // [N, D] of -1 and 1 -> [N, D] float64
  Domain domain_;
  std::shared_ptr<Made> made_;
  bool binarise_;
};

/// MADE (Germain 2015) on images whose pixels are on or off: one player, who minimises -log p(x) a pixel, in nats. Grey
/// images are binarised by draws, afresh each time, or at half brightness.
class MadeGame : public Game {
 public:
  MadeGame(const MadeGameOptions& options, const Domain& domain, uint64_t seed);
  std::vector<Player>& players() override { return players_; }
  std::vector<Phase> phases() override { return {{"generator", "main"}}; }
  Terms loss(const Phase& phase, Round& round) override;
  std::unique_ptr<LatentModel> model() override { return std::make_unique<MadeModel>(domain_, made_, binarise_); }
  std::vector<std::string> averaged() override { return {"made"}; }

 private:
  Domain domain_;
  bool binarise_;
  std::shared_ptr<Made> made_;
  std::vector<Player> players_;
};

}  // namespace obverse
