#pragma once

#include <ATen/ATen.h>

#include <functional>

#include "obverse/games/game.h"

namespace obverse::testing {

/// One scalar weight.
class Scalar : public Module {
 public:
  explicit Scalar(double value) { parameter("w", w, at::full({}, value)); }
  at::Tensor w;
};

/// Decodes z to itself, scaled by the first player's weight: just enough of a model for snapshots.
class ScalarModel : public LatentModel {
 public:
  ScalarModel(std::shared_ptr<Scalar> scale) : scale_(std::move(scale)) {
    domain_ = {Domain::Kind::points, {2}, 0, {}};
  }
  const Domain& domain() const override { return domain_; }
  std::vector<LatentSpace> spaces() const override { return {{"z", {2}}}; }
  at::Tensor decode(const at::Tensor& code, const at::Tensor&) override { return code * scale_->w; }

 private:
  Domain domain_;
  std::shared_ptr<Scalar> scale_;
};

/// Two players with a scalar weight each and any losses of the two; further phases as given.
class ScalarGame : public Game {
 public:
  using Loss = std::function<at::Tensor(const Phase&, const at::Tensor& a, const at::Tensor& b, Round&)>;

  ScalarGame(double first, double second, std::vector<Phase> phases, Loss loss, OptimiserOptions optimiser)
      : a(std::make_shared<Scalar>(first)),
        b(std::make_shared<Scalar>(second)),
        phases_(std::move(phases)),
        loss_(std::move(loss)) {
    players_ = {{"discriminator", {{"discriminator", a}}, optimiser}, {"generator", {{"generator", b}}, optimiser}};
  }
  std::vector<Player>& players() override { return players_; }
  std::vector<Phase> phases() override { return phases_; }
  Terms loss(const Phase& phase, Round& round) override {
    Terms terms;
    terms.add(phase.name, loss_(phase, a->w, b->w, round));
    return terms;
  }
  std::unique_ptr<LatentModel> model() override { return std::make_unique<ScalarModel>(b); }
  std::vector<std::string> averaged() override { return {"generator"}; }

  std::shared_ptr<Scalar> a, b;

 private:
  std::vector<Player> players_;
  std::vector<Phase> phases_;
  Loss loss_;
};

}  // namespace obverse::testing
