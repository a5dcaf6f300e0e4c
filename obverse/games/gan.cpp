#include "obverse/games/gan.h"

#include <ATen/ATen.h>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/games/network_model.h"

namespace obverse {

void PenaltyOptions::describe(Fields& f) {
  f("weight", weight, "gamma of R1 and R2, lambda of WGAN-GP and DRAGAN; 0: off", kNotNegative);
  f("interval", interval, "taken every so many rounds, as a step of its own, and that much stronger", {1, 1000});
}

GanOptions::GanOptions()
    : penalties(penalty_table().size()),
      generator(generator_table(), "dcgan"),
      discriminator(discriminator_table(), "dcgan") {}

void GanOptions::describe(Fields& f) {
  f.table("game", [&] {
    f("loss", loss, "adversarial loss", names(adversarial_table()));
    f("z_dim", z_dim, "numbers in a latent code", {1, 65536});
    f("conditional", conditional, "generator and discriminator are told the class");
    f("critic_steps", critic_steps, "discriminator steps a generator step", {1, 1000});
    for (size_t i = 0; i < penalties.size(); ++i) f.table(penalty_table()[i].name, penalties[i]);
  });
  f.table("generator", [&] {
    generator.describe(f);
    f.table("optimiser", generator_optimiser);
  });
  f.table("discriminator", [&] {
    discriminator.describe(f);
    f.table("optimiser", discriminator_optimiser);
  });
}

static NetworkShape shape_for(const GanOptions& options, const Domain& domain) {
  if (options.conditional && domain.classes.empty())
    fail("game.conditional: the data set has no labels; set it to false or use data with classes");
  return {domain, options.z_dim, options.conditional ? static_cast<int64_t>(domain.classes.size()) : 0};
}

Gan::Gan(const GanOptions& options, const Domain& domain, uint64_t seed)
    : options_(options),
      loss_(find_row(adversarial_table(), "loss", options.loss)),
      shape_(shape_for(options, domain)) {
  Rng generator_rng(seed, "generator"), discriminator_rng(seed, "discriminator");
  generator_ = build(options_.generator, shape_, generator_rng);
  discriminator_ = build(options_.discriminator, shape_, discriminator_rng);
  players_ = {{"discriminator", {{"discriminator", discriminator_}}, options_.discriminator_optimiser},
              {"generator", {{"generator", generator_}}, options_.generator_optimiser}};
}

std::vector<Phase> Gan::phases() {
  std::vector<Phase> result = {{"discriminator", "main", 1, options_.critic_steps}};
  for (size_t i = 0; i < options_.penalties.size(); ++i)
    if (options_.penalties[i].interval > 1)
      result.push_back({"discriminator", penalty_table()[i].name, options_.penalties[i].interval});
  result.push_back({"generator", "main"});
  return result;
}

Terms Gan::loss(const Phase& phase, Round& round) {
  if (phase.player == "generator") return generator_loss(round);
  return phase.name == "main" ? discriminator_loss(round) : penalty_loss(phase.name, round);
}

at::Tensor Gan::generate(const at::Tensor& y, Round& round) {
  return generator_->forward(round.rng().normal({round.batch, shape_.z_dim}), y);
}

double Gan::strength(size_t penalty, const Round& round) const {
  const PenaltyOptions& p = options_.penalties[penalty];
  return penalty_table()[penalty].factor * p.weight.at(round.progress) * static_cast<double>(p.interval);
}

// D minimises loss(D(x), D(G(z))) + sum of factor * weight * E[penalty]. A penalty taken at the real or the generated
// samples themselves shares their forward pass.
Terms Gan::discriminator_loss(Round& round) {
  Batch real = round.next_batch();            // [N, ...], [N]
  at::Tensor fake = generate(real.y, round);  // [N, ...]; G is frozen
  std::vector<std::pair<size_t, at::Tensor>> points;
  for (size_t i = 0; i < options_.penalties.size(); ++i) {
    if (options_.penalties[i].interval > 1 || strength(i, round) == 0) continue;
    at::Tensor x = penalty_table()[i].points(real.x, fake, round.rng());
    const bool at_real = x.data_ptr() == real.x.data_ptr(), at_fake = x.data_ptr() == fake.data_ptr();
    x.requires_grad_();
    if (at_real) real.x = x;
    if (at_fake) fake = x;
    points.emplace_back(i, x);
  }
  const at::Tensor real_logits = discriminator_->forward(real.x, real.y);  // [N]
  const at::Tensor fake_logits = discriminator_->forward(fake, real.y);    // [N]
  Terms terms;
  terms.add("main", loss_.discriminator(real_logits, fake_logits).mean());
  for (const auto& [i, x] : points) {
    const at::Tensor logits = x.is_same(real.x) ? real_logits
                              : x.is_same(fake) ? fake_logits
                                                : discriminator_->forward(x, real.y);
    terms.add(penalty_table()[i].name, strength(i, round) * penalty_table()[i].value(x, logits).mean());
  }
  terms.watch("scores/real", real_logits);
  terms.watch("scores/fake", fake_logits);
  terms.watch("signs/real", real_logits.sign());
  terms.watch("signs/fake", fake_logits.sign());
  return terms;
}

// G minimises loss(D(x), D(G(z))); x is a fresh real batch, drawn only where the loss or the labels need one.
Terms Gan::generator_loss(Round& round) {
  Batch real;
  at::Tensor real_logits;
  if (loss_.generator_needs_real || shape_.classes > 0) real = round.next_batch();
  const at::Tensor fake = generate(real.y, round);
  if (loss_.generator_needs_real) real_logits = discriminator_->forward(real.x, real.y);
  Terms terms;
  terms.add("main", loss_.generator(real_logits, discriminator_->forward(fake, real.y)).mean());
  return terms;
}

Terms Gan::penalty_loss(const std::string& name, Round& round) {
  const Penalty& penalty = find_row(penalty_table(), "penalty", name);
  const size_t i = &penalty - penalty_table().data();
  const Batch real = round.next_batch();
  const at::Tensor fake = penalty.needs_fake ? generate(real.y, round) : at::Tensor();
  const at::Tensor x = penalty.points(real.x, fake, round.rng()).requires_grad_();
  Terms terms;
  terms.add(name, strength(i, round) * penalty.value(x, discriminator_->forward(x, real.y)).mean());
  return terms;
}

std::unique_ptr<LatentModel> Gan::model() { return std::make_unique<NetworkModel>(shape_, generator_, discriminator_); }

}  // namespace obverse
