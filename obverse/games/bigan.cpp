#include "obverse/games/bigan.h"

#include <ATen/ATen.h>

#include <utility>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/games/player_table.h"
#include "obverse/losses/likelihoods.h"
#include "obverse/losses/penalties.h"
#include "obverse/losses/reconstruction.h"

namespace obverse {
namespace {

bool off(const Schedule& weight) { return weight.from == 0 && weight.to == 0; }

}  // namespace

void BiganOptions::describe(Fields& f) {
  AutoencoderOptions::describe(f);
  f.table("game", [&] {
    f("loss", loss, "adversarial loss", logit_losses());
    f("prior", prior, "of codes", names(prior_table()));
    f("stochastic", stochastic, "the encoder gives a Gaussian over codes (ALI), not one code (BiGAN)");
    f("critic_steps", critic_steps, "discriminator steps a step of generator and encoder", {1, 1000});
    f("r1", r1, "gamma of the zero-centred penalty on pairs (x, E(x)); 0: off", kNotNegative);
    f("r2", r2, "gamma of the zero-centred penalty on pairs (G(z), z); 0: off", kNotNegative);
    f("penalty_interval", penalty_interval, "penalties are taken every so many rounds, as a step that much stronger",
      {1, 1000});
    f("cycle_image", cycle_image, "weight of the distance of G(E(x)) to x; 0: off", kNotNegative);
    f("cycle_feature", cycle_feature, "weight of that distance in the discriminator's features of x; 0: off",
      kNotNegative);
    f("cycle_latent", cycle_latent, "weight of the distance of E(G(z)) to z; 0: off", kNotNegative);
    f("cycle_interval", cycle_interval, "cycles are taken every so many rounds, that much stronger", {1, 1000});
    f("adversarial_encoder", adversarial_encoder,
      "the encoder learns from the discriminator too; false: from the cycle terms alone (VEEGAN)");
    if (!adversarial_encoder && off(cycle_latent) && off(cycle_image))
      f.problem("adversarial_encoder", "the encoder has nothing to learn from: set cycle_latent, or true");
    if (!adversarial_encoder && cycle_interval > 1)
      f.problem("cycle_interval", "the encoder learns from the cycle terms alone: use 1");
    f("code_match", code_match, "weight of the divergence of a batch's codes, as Gaussians, from N(0, 1); 0: off",
      kNotNegative);
    f("code_rate", code_rate, "weight of KL(q(z | x) || N(0, 1)) a number of the code, of a stochastic encoder; 0: off",
      kNotNegative);
    if (code_rate > 0 && !stochastic) f.problem("code_rate", "is for a stochastic encoder");
    if (code_match > 0 && prior != "normal") f.problem("code_match", "is for prior = \"normal\"");
    if (stochastic && prior != "normal")
      f.problem("prior", "a stochastic encoder is Gaussian: use prior = \"normal\", or stochastic = false");
  });
  describe_player(f, "discriminator", discriminator, discriminator_optimiser);
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

TwoWayOptions::TwoWayOptions() {
  loss = "non-saturating";
  stochastic = true;
  r1 = r2 = Schedule(0.1, 0.01, 1, "geometric");
  cycle_image = 20;
  cycle_feature = 6;
  cycle_latent = 0.3;
  penalty_interval = 8;
}

std::vector<Phase> Bigan::phases() {
  std::vector<Phase> result = {{"discriminator", "main", 1, options_.critic_steps}};
  if (penalised_apart())
    result.push_back({"discriminator", "penalty", options_.penalty_interval, options_.critic_steps});
  result.push_back({"generator", "main"});
  return result;
}

Terms Bigan::loss(const Phase& phase, Round& round) {
  if (phase.name == "penalty") return penalty_loss(round);
  if (phase.player == "discriminator") return discriminator_loss(round);
  const Pairs pairs = make_pairs(round);
  return generator_loss(pairs, judge(pairs), round);
}

// The row's formulas, with pairs in place of samples.
std::vector<std::pair<std::string, std::string>> Bigan::formulas(const Phase& phase) {
  const std::string pairs = "; D(x) is D(x, E(x)), D(G(z)) is D(G(z), z)";
  std::vector<std::pair<std::string, std::string>> lines;
  if (phase.player == "discriminator") {
    if (phase.name == "main") lines = {{"main", loss_.discriminator_formula + pairs}};
    if ((phase.name == "main") == penalised_apart()) return lines;
    if (!off(options_.r1)) lines.emplace_back("r1", "r1 / 2 E |grad D(x, E(x))|^2");
    if (!off(options_.r2)) lines.emplace_back("r2", "r2 / 2 E |grad D(G(z), z)|^2");
    return lines;
  }
  lines = {{"main", loss_.generator_formula + pairs + (loss_.generator_needs_real ? "" : "; and with both swapped")}};
  if (!off(options_.cycle_image)) lines.emplace_back("cycle_image", "cycle_image E |G(E(x)) - x|^2 / n");
  if (!off(options_.cycle_feature))
    lines.emplace_back("cycle_feature", "cycle_feature E |f(G(E(x))) - f(x)|^2 / F, f: features of D");
  if (options_.code_match > 0)
    lines.emplace_back("code_match", "code_match KL(N(mean, variance of a batch's codes) || N(0, 1)) / d");
  if (options_.code_rate > 0) lines.emplace_back("code_rate", "code_rate KL(q(z | x) || N(0, 1)) / d");
  if (!off(options_.cycle_latent)) lines.emplace_back("cycle_latent", "cycle_latent E |E(G(z)) - z|^2 / d");
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

// In one pass unless a logit depends on its whole batch.
Bigan::Judgement Bigan::judge(const Pairs& p) const {
  JointDiscriminator& D = *discriminator_;
  const at::Tensor z_real = options_.adversarial_encoder ? p.z_real : p.z_real.detach();
  if (D.mixes_samples()) {
    const at::Tensor real = D.features(p.real.x), fake = D.features(p.x_fake);
    return {real, D.head(real, z_real, p.real.y), D.head(fake, p.z, p.real.y), {}, {}};
  }
  const at::Tensor y = p.real.y.defined() ? p.real.y.repeat({2}) : p.real.y;
  const at::Tensor features = D.features(at::cat({p.real.x, p.x_fake}));
  const auto logits = D.head(features, at::cat({z_real, p.z}), y).chunk(2);
  return {features.chunk(2)[0], logits[0], logits[1], {}, {}};
}

Bigan::Judgement Bigan::judge_with_gradient(const Pairs& p) const {
  const auto [real_logits, real_slope] = discriminator_->forward_with_gradient(p.real.x, p.z_real, p.real.y);
  const auto [fake_logits, fake_slope] = discriminator_->forward_with_gradient(p.x_fake, p.z, p.real.y);
  return {{}, real_logits, fake_logits, real_slope, fake_slope};
}

bool Bigan::penalised(const Round& round) const {
  return options_.r1.at(round.progress) > 0 || options_.r2.at(round.progress) > 0;
}

bool Bigan::never_penalised() const { return off(options_.r1) && off(options_.r2); }

bool Bigan::penalised_apart() const { return options_.penalty_interval > 1 && !never_penalised(); }

bool Bigan::intertwined() const { return (penalised_apart() || never_penalised()) && off(options_.cycle_feature); }

// D minimises loss(D(x, E(x)), D(G(z), z)) + r1 / 2 ||grad D(x, E(x))||^2 + r2 / 2 ||grad D(G(z), z)||^2.
Terms Bigan::discriminator_loss(Round& round) {
  const Pairs pairs = make_pairs(round);  // in plain play G and E are frozen
  if (penalised_apart() || !penalised(round)) return discriminator_terms(judge(pairs));
  const Judgement judgement = judge_with_gradient(pairs);
  Terms terms = discriminator_terms(judgement);
  add_penalties(judgement, round, terms);
  return terms;
}

Terms Bigan::discriminator_terms(const Judgement& j) const {
  Terms terms;
  terms.add("main", loss_.discriminator(j.real_logits, j.fake_logits).mean());
  terms.watch("scores/real", mean_of(j.real_logits));
  terms.watch("scores/fake", mean_of(j.fake_logits));
  return terms;
}

void Bigan::add_penalties(const Judgement& j, const Round& round, Terms& terms) const {
  const double half = 0.5 * static_cast<double>(options_.penalty_interval);
  const double r1 = options_.r1.at(round.progress), r2 = options_.r2.at(round.progress);
  if (r1 > 0 || penalised_apart()) terms.add("r1", half * r1 * zero_centred_penalty(j.real_slope).mean());
  if (r2 > 0 || penalised_apart()) terms.add("r2", half * r2 * zero_centred_penalty(j.fake_slope).mean());
}

// A step of its own, where penalties are not taken every round.
Terms Bigan::penalty_loss(Round& round) {
  Terms terms;
  add_penalties(judge_with_gradient(without_grad([&] { return make_pairs(round); })), round, terms);
  return terms;
}

// G and E minimise the loss with the roles of the pairs swapped, and the cycle terms.
Terms Bigan::generator_loss(const Pairs& p, const Judgement& j, const Round& round) const {
  Terms terms;
  terms.add("main", pair_generator_loss(loss_, j.real_logits, j.fake_logits).mean());
  terms.watch("code_square", mean_of(p.z_real.detach().square()));  // 1 under the normal prior, 1/3 under the uniform
  if (options_.code_match > 0) terms.add("code_match", options_.code_match * moment_divergence(p.z_real).mean());
  if (options_.code_rate > 0) terms.add("code_rate", options_.code_rate * p.code.kl_to_normal().mean());
  if (round.number % options_.cycle_interval == 0) add_cycles(p, j.real_features, round.progress, terms);
  return terms;
}

// Running statistics are those of the pairs: E's of real samples, G's of draws from the prior.
void Bigan::add_cycles(const Pairs& p, const at::Tensor& real_features, double progress, Terms& terms) const {
  const auto often = static_cast<double>(options_.cycle_interval);
  const double image = often * options_.cycle_image.at(progress), feature = often * options_.cycle_feature.at(progress),
               latent = often * options_.cycle_latent.at(progress);
  networks_.generator->track(false);
  networks_.encoder->track(false);
  discriminator_->track(false);
  if (image > 0 || feature > 0) {
    const at::Tensor back = networks_.generator->forward(p.z_real, p.real.y);
    const at::Tensor error = mean_squared_error(back, p.real.x).mean();
    terms.watch("mse", mean_of(error.detach()));
    if (image > 0) terms.add("cycle_image", image * error);
    if (feature > 0)
      terms.add("cycle_feature",
                feature * mean_squared_error(discriminator_->features(back), real_features.detach()).mean());
  }
  if (latent > 0) {
    const at::Tensor found = networks_.infer(p.x_fake, p.real.y).mean;
    terms.add("cycle_latent", latent * mean_squared_error(found, p.z).mean());
  }
}

std::vector<Terms> Bigan::gradients(const std::vector<Phase>& phases, Round& round) {
  const bool plain = phases.size() == 1 && phases.front().name == "main";
  if ((!plain && phases.size() != 2) || (penalised(round) && !penalised_apart())) return Game::gradients(phases, round);
  if (plain) return {turn(phases.front(), round)};
  for (const auto& [name, module] : modules()) module->set_requires_grad(true), module->track(true);
  const Pairs pairs = make_pairs(round);
  const Judgement judgement = judge(pairs);
  std::vector<Terms> terms;
  for (const Phase& phase : phases) {
    const bool critic = phase.player == "discriminator";
    terms.push_back(critic ? discriminator_terms(judgement) : generator_loss(pairs, judgement, round));
    std::vector<at::Tensor> own;
    for (const auto& [name, p] : player(phase.player).parameters())
      if (p.requires_grad()) own.push_back(p);  // not D's held layers
    terms.back().total().backward({}, /*retain_graph=*/&phase != &phases.back(), false, own);
  }
  return terms;
}

// Of one player alone. The discriminator's pairs are the generator's too: G and E stand as they stood.
Terms Bigan::turn(const Phase& phase, Round& round) {
  const bool critic = phase.player == "discriminator";
  for (const auto& [name, module] : modules()) {
    module->set_requires_grad(critic || module != discriminator_);
    module->track(critic || module != discriminator_);
  }
  if (critic || !shared_) shared_ = make_pairs(round);
  Terms terms;
  if (critic) {
    Pairs constant = *shared_;
    for (at::Tensor* x : {&constant.x_fake, &constant.z_real}) *x = x->detach();
    terms = discriminator_terms(judge(constant));
  } else {
    const Pairs pairs = *std::exchange(shared_, std::nullopt);
    terms = generator_loss(pairs, judge(pairs), round);
  }
  terms.total().backward();
  return terms;
}

std::unique_ptr<LatentModel> Bigan::model() {
  Networks networks = networks_;
  networks.joint = discriminator_;
  return std::make_unique<NetworkModel>(std::move(networks));
}

}  // namespace obverse
