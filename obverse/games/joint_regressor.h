#pragma once

#include "obverse/games/gan.h"

namespace obverse {

/// Those of a recipe of kind "gan", and [encoder], of one of kind "joint-regressor".
struct JointRegressorOptions : GanOptions {
  double generator_weight = 0.25;
  Choice<NetworkRow<Encoder>> encoder{encoder_table(), "dcgan"};
  OptimiserOptions encoder_optimiser;
  void describe(Fields& f) override;
};

/// The joint latent regressor of Donahue 2017, section 4: beside the game of generator and discriminator an encoder
/// minimises ||E(G(z)) - z||^2 / d on generated samples, and so, with a weight, does the generator. (The paper takes
/// the cross-entropy of uniform codes as shares of their range in place of the square.) Trained after the fact, with G
/// frozen, it is the latent regressor: kind "encoder" with latent_weight 1 and no other term.
class JointRegressor : public Gan {
 public:
  JointRegressor(const JointRegressorOptions& options, const Domain& domain, uint64_t seed);
  std::vector<Phase> phases() override;
  Terms loss(const Phase& phase, Round& round) override;
  std::vector<std::pair<std::string, std::string>> formulas(const Phase& phase) override;
  std::vector<std::string> averaged() override { return {"generator", "encoder"}; }

 private:
  at::Tensor latent_error(const at::Tensor& y, Round& round) const;

  double generator_weight_;
};

}  // namespace obverse
