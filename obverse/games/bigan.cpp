#include "obverse/games/bigan.h"

#include <ATen/ATen.h>

#include <tuple>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/losses/penalties.h"
#include "obverse/losses/reconstruction.h"

namespace obverse {

void BiganOptions::describe(Fields& f) {
  AutoencoderOptions::describe(f);
  f.table("game", [&] {
    f("loss", loss, "adversarial loss", logit_losses());
    f("prior", prior, "of codes", names(prior_table()));
    f("stochastic", stochastic, "the encoder gives a Gaussian over codes (ALI), not one code (BiGAN)");
    f("critic_steps", critic_steps, "discriminator steps a step of generator and encoder", {1, 1000});
    f("r1", r1, "gamma of the zero-centred penalty on pairs (x, E(x)); 0: off", kNotNegative);
    f("r2", r2, "gamma of the zero-centred penalty on pairs (G(z), z); 0: off", kNotNegative);
    f("cycle_image", cycle_image, "weight of the distance of G(E(x)) to x; 0: off", kNotNegative);
    f("cycle_latent", cycle_latent, "weight of the distance of E(G(z)) to z; 0: off", kNotNegative);
    f("adversarial_encoder", adversarial_encoder,
      "the encoder learns from the discriminator too; false: from the cycle terms alone (VEEGAN)");
    if (!adversarial_encoder && cycle_latent == 0 && cycle_image == 0)
      f.problem("adversarial_encoder", "the encoder has nothing to learn from: set cycle_latent, or true");
    if (stochastic && prior != "normal")
      f.problem("prior", "a stochastic encoder is Gaussian: use prior = \"normal\", or stochastic = false");
  });
  f.table("discriminator", [&] {
    discriminator.describe(f);
    f.table("optimiser", discriminator_optimiser);
  });
}

Bigan::Bigan(const BiganOptions& options, const Domain& domain, uint64_t seed)
    : options_(options), loss_(find_row(adversarial_table(), "loss", options.loss)) {
  networks_ = build_autoencoder(options, domain, seed, options.stochastic);
  networks_.prior = options.prior;
  Rng rng(seed, "discriminator");
  discriminator_ = build(options_.discriminator, networks_.shape, rng);
  players_ = {{"discriminator", {{"discriminator", discriminator_}}, options_.discriminator_optimiser},
              {"generator",
               {{"generator", networks_.generator}, {"encoder", networks_.encoder}},
               options_.generator_optimiser}};
}

std::vector<Phase> Bigan::phases() {
  return {{"discriminator", "main", 1, options_.critic_steps}, {"generator", "main"}};
}

Terms Bigan::loss(const Phase& phase, Round& round) {
  if (phase.player == "discriminator") return discriminator_loss(round);
  const Pairs pairs = make_pairs(round);
  at::Tensor real_logits, fake_logits;
  judge(pairs, real_logits, fake_logits);
  return generator_loss(pairs, real_logits, fake_logits);
}

// The row's formulas, with pairs in place of samples.
std::vector<std::pair<std::string, std::string>> Bigan::formulas(const Phase& phase) {
  const std::string pairs = "; D(x) is D(x, E(x)), D(G(z)) is D(G(z), z)";
  std::vector<std::pair<std::string, std::string>> lines;
  if (phase.player == "discriminator") {
    lines = {{"main", loss_.discriminator_formula + pairs}};
    if (options_.r1.from > 0) lines.emplace_back("r1", "r1 / 2 E |grad D(x, E(x))|^2");
    if (options_.r2.from > 0) lines.emplace_back("r2", "r2 / 2 E |grad D(G(z), z)|^2");
    return lines;
  }
  lines = {{"main", loss_.generator_formula + pairs + (loss_.generator_needs_real ? "" : "; and with both swapped")}};
  if (options_.cycle_image > 0) lines.emplace_back("cycle_image", "cycle_image E |G(E(x)) - x|^2 / n");
  if (options_.cycle_latent > 0)
    lines.emplace_back("cycle_latent", options_.stochastic ? "cycle_latent E -log q(z | G(z)) / d"
                                                           : "cycle_latent E |E(G(z)) - z|^2 / d");
  return lines;
}

Bigan::Pairs Bigan::make_pairs(Round& round) const {
  Pairs pairs;
  pairs.real = round.next_batch();                                     // [N, ...], [N]
  pairs.z = round.codes(networks_.space());                            // [N, d]
  pairs.x_fake = networks_.generator->forward(pairs.z, pairs.real.y);  // [N, ...]
  pairs.code = networks_.infer(pairs.real.x, pairs.real.y);            // [N, d]
  pairs.z_real = pairs.code.sample(round.rng());                       // [N, d]
  return pairs;
}

// Logits [N] of the two kinds of pairs; in one pass unless a logit depends on its whole batch.
void Bigan::judge(const Pairs& p, at::Tensor& real_logits, at::Tensor& fake_logits) const {
  const at::Tensor z_real = options_.adversarial_encoder ? p.z_real : p.z_real.detach();
  if (discriminator_->mixes_samples()) {
    real_logits = discriminator_->forward(p.real.x, z_real, p.real.y);
    fake_logits = discriminator_->forward(p.x_fake, p.z, p.real.y);
    return;
  }
  const at::Tensor y = p.real.y.defined() ? p.real.y.repeat({2}) : p.real.y;
  const auto logits = discriminator_->forward(at::cat({p.real.x, p.x_fake}), at::cat({z_real, p.z}), y).chunk(2);
  real_logits = logits[0];
  fake_logits = logits[1];
}

// D minimises loss(D(x, E(x)), D(G(z), z)) + r1 / 2 ||grad D(x, E(x))||^2 + r2 / 2 ||grad D(G(z), z)||^2.
Terms Bigan::discriminator_loss(Round& round) {
  const Pairs pairs = without_grad([&] { return make_pairs(round); });
  const double r1 = options_.r1.at(round.progress), r2 = options_.r2.at(round.progress);
  at::Tensor real_logits, fake_logits, real_slope, fake_slope;
  if (r1 == 0 && r2 == 0) {
    judge(pairs, real_logits, fake_logits);
  } else {
    std::tie(real_logits, real_slope) = discriminator_->forward_with_gradient(pairs.real.x, pairs.z_real, pairs.real.y);
    std::tie(fake_logits, fake_slope) = discriminator_->forward_with_gradient(pairs.x_fake, pairs.z, pairs.real.y);
  }
  Terms terms = discriminator_terms(real_logits, fake_logits);
  if (r1 > 0) terms.add("r1", 0.5 * r1 * zero_centred_penalty(real_slope).mean());
  if (r2 > 0) terms.add("r2", 0.5 * r2 * zero_centred_penalty(fake_slope).mean());
  return terms;
}

Terms Bigan::discriminator_terms(const at::Tensor& real_logits, const at::Tensor& fake_logits) const {
  Terms terms;
  terms.add("main", loss_.discriminator(real_logits, fake_logits).mean());
  terms.watch("scores/real", mean_of(real_logits));
  terms.watch("scores/fake", mean_of(fake_logits));
  return terms;
}

// G and E minimise the loss with the roles of the pairs swapped, and the cycle terms.
Terms Bigan::generator_loss(const Pairs& p, const at::Tensor& real_logits, const at::Tensor& fake_logits) const {
  Terms terms;
  terms.add("main", pair_generator_loss(loss_, real_logits, fake_logits).mean());
  terms.watch("code_square", mean_of(p.z_real.detach().square()));  // 1 under the normal prior, 1/3 under the uniform
  if (options_.cycle_image > 0) {
    const at::Tensor back = networks_.generator->forward(p.z_real, p.real.y);
    terms.add("cycle_image", options_.cycle_image * mean_squared_error(back, p.real.x).mean());
  }
  if (options_.cycle_latent > 0) {
    const CodeDistribution found = networks_.infer(p.x_fake, p.real.y);
    const at::Tensor error = options_.stochastic ? -found.log_prob(p.z) / static_cast<double>(p.z.size(1))
                                                 : mean_squared_error(found.mean, p.z);
    terms.add("cycle_latent", options_.cycle_latent * error.mean());
  }
  return terms;
}

std::vector<Terms> Bigan::gradients(const std::vector<Phase>& phases, Round& round) {
  const bool penalised = options_.r1.at(round.progress) > 0 || options_.r2.at(round.progress) > 0;
  if (phases.size() != 2 || penalised) return Game::gradients(phases, round);
  for (const auto& [name, module] : modules()) module->set_requires_grad(true), module->track(true);
  const Pairs pairs = make_pairs(round);
  at::Tensor real_logits, fake_logits;
  judge(pairs, real_logits, fake_logits);
  std::vector<Terms> terms;
  for (const Phase& phase : phases) {
    const bool critic = phase.player == "discriminator";
    terms.push_back(critic ? discriminator_terms(real_logits, fake_logits)
                           : generator_loss(pairs, real_logits, fake_logits));
    std::vector<at::Tensor> own;
    for (const auto& [name, p] : player(phase.player).parameters()) own.push_back(p);
    terms.back().total().backward({}, /*retain_graph=*/&phase != &phases.back(), false, own);
  }
  return terms;
}

}  // namespace obverse
