#include "obverse/games/joint_regressor.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "obverse/games/player_table.h"
#include "obverse/losses/reconstruction.h"

namespace obverse {

void JointRegressorOptions::describe(Fields& f) {
  GanOptions::describe(f);
  f.table("game", [&] {
    f("generator_weight", generator_weight, "of the latent error in the generator's turn", kNotNegative);
  });
  describe_player(f, "encoder", encoder, encoder_optimiser);
}

JointRegressor::JointRegressor(const JointRegressorOptions& options, const Domain& domain, uint64_t seed)
    : Gan(options, domain, seed), generator_weight_(options.generator_weight) {
  Rng rng(seed, "encoder");
  networks_.encoder = build(options.encoder, networks_.shape, rng);
  players_.push_back({"encoder", {{"encoder", networks_.encoder}}, options.encoder_optimiser});
}

std::vector<Phase> JointRegressor::phases() {
  std::vector<Phase> result = Gan::phases();
  result.push_back({"encoder", "main"});
  return result;
}

// ||E(G(z)) - z||^2 / d on a fresh batch: a scalar.
at::Tensor JointRegressor::latent_error(const at::Tensor& y, Round& round) const {
  const at::Tensor z = round.codes(networks_.space());      // [N, d]
  const at::Tensor x = networks_.generator->forward(z, y);  // [N, ...]
  return mean_squared_error(networks_.infer(x, y).mean, z).mean();
}

Terms JointRegressor::loss(const Phase& phase, Round& round) {
  const auto labels = [&] { return networks_.shape.classes > 0 ? round.next_batch().y : at::Tensor(); };
  if (phase.player == "encoder") {
    Terms terms;
    terms.add("latent", latent_error(labels(), round));
    return terms;
  }
  Terms terms = Gan::loss(phase, round);
  if (phase.player == "generator" && phase.name == "main" && generator_weight_ > 0) {
    networks_.generator->track(false);  // its statistics are those of the pass that the discriminator judged
    terms.add("latent", generator_weight_ * latent_error(labels(), round));
  }
  return terms;
}

std::vector<std::pair<std::string, std::string>> JointRegressor::formulas(const Phase& phase) {
  const std::string error = "E |E(G(z)) - z|^2 / d";
  if (phase.player == "encoder") return {{"latent", error}};
  auto lines = Gan::formulas(phase);
  if (phase.player == "generator" && phase.name == "main" && generator_weight_ > 0)
    lines.emplace_back("latent", fmt::format("{:g} {}", generator_weight_, error));
  return lines;
}

}  // namespace obverse
