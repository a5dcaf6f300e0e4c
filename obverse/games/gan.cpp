#include "obverse/games/gan.h"

#include <ATen/ATen.h>

#include "obverse/core/error.h"
#include "obverse/core/table.h"

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
    f("prior", prior, "of codes", names(prior_table()));
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

GeneratorParts GanOptions::generator_parts() const { return {z_dim, prior, conditional, generator, discriminator}; }

Gan::Gan(const GanOptions& options, const Domain& domain, uint64_t seed)
    : options_(options), loss_(find_row(adversarial_table(), "loss", options.loss)) {
  networks_.shape = network_shape(domain, options.z_dim, options.conditional);
  networks_.prior = options.prior;
  Rng generator_rng(seed, "generator"), discriminator_rng(seed, "discriminator");
  generator_ = networks_.generator = build(options_.generator, networks_.shape, generator_rng);
  discriminator_ = networks_.discriminator = build(options_.discriminator, networks_.shape, discriminator_rng);
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
  return generator_->forward(round.codes(networks_.space()), y);
}

double Gan::strength(size_t penalty, const Round& round) const {
  const PenaltyOptions& p = options_.penalties[penalty];
  return penalty_table()[penalty].factor * p.weight.at(round.progress) * static_cast<double>(p.interval);
}

// Logits [N] of each of k batches [N, ...] with the same labels, and where asked for D's gradients [N, ...] there; in
// one pass unless a logit depends on its whole batch.
Gan::Judgement Gan::judge(const std::vector<at::Tensor>& batches, const at::Tensor& y, bool with_slope) {
  const auto look = [&](const at::Tensor& x, const at::Tensor& labels) {
    return with_slope ? discriminator_->forward_with_gradient(x, labels)
                      : std::pair(discriminator_->forward(x, labels), at::Tensor());
  };
  const auto k = static_cast<int64_t>(batches.size());
  Judgement result;
  if (k > 1 && !discriminator_->mixes_samples()) {
    const auto [logits, slopes] = look(at::cat(batches), y.defined() ? y.repeat({k}) : y);
    result.logits = logits.chunk(k);
    if (with_slope) result.slopes = slopes.chunk(k);
    return result;
  }
  for (const at::Tensor& x : batches) {
    const auto [logits, slopes] = look(x, y);
    result.logits.push_back(logits);
    result.slopes.push_back(slopes);
  }
  return result;
}

// D minimises loss(D(x), D(G(z))) + sum of factor * weight * E[penalty]. Points that penalties take share one pass and
// one gradient; the real and generated samples are among them where a penalty is taken right there.
Terms Gan::discriminator_loss(Round& round) {
  const Batch real = round.next_batch();                               // [N, ...], [N]
  std::vector<at::Tensor> points = {real.x, generate(real.y, round)};  // G is frozen
  std::vector<std::pair<size_t, size_t>> taken;                        // penalty, place in `points`
  std::vector<bool> penalised(2, false);                               // of each place
  for (size_t i = 0; i < options_.penalties.size(); ++i) {
    if (options_.penalties[i].interval > 1 || strength(i, round) == 0) continue;
    const at::Tensor x = penalty_table()[i].points(points[0], points[1], round.rng());
    size_t place = 0;
    while (place < 2 && x.data_ptr() != points[place].data_ptr()) ++place;
    if (place == 2) place = points.size(), points.emplace_back(), penalised.emplace_back();
    points[place] = x;
    penalised[place] = true;
    taken.emplace_back(i, place);
  }
  std::vector<at::Tensor> logits(points.size()), slopes(points.size());  // [N], [N, ...]
  for (const bool with_slope : {false, true}) {
    std::vector<size_t> places;
    std::vector<at::Tensor> batches;
    for (size_t i = 0; i < points.size(); ++i)
      if (penalised[i] == with_slope) places.push_back(i), batches.push_back(points[i]);
    if (places.empty()) continue;
    const Judgement judgement = judge(batches, real.y, with_slope);
    for (size_t i = 0; i < places.size(); ++i) {
      logits[places[i]] = judgement.logits[i];
      if (with_slope) slopes[places[i]] = judgement.slopes[i];
    }
  }
  Terms terms;
  terms.add("main", loss_.discriminator(logits[0], logits[1]).mean());
  for (const auto& [i, place] : taken)
    terms.add(penalty_table()[i].name, strength(i, round) * penalty_table()[i].value(slopes[place]).mean());
  terms.watch("scores/real", mean_of(logits[0]));
  terms.watch("scores/fake", mean_of(logits[1]));
  terms.watch("signs/real", mean_sign_of(logits[0]));
  terms.watch("signs/fake", mean_sign_of(logits[1]));
  return terms;
}

// G minimises loss(D(x), D(G(z))); x is a fresh real batch, drawn only where the loss or the labels need one.
Terms Gan::generator_loss(Round& round) {
  Batch real;
  at::Tensor real_logits;
  if (loss_.generator_needs_real || networks_.shape.classes > 0) real = round.next_batch();
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
  const at::Tensor x = penalty.points(real.x, fake, round.rng());
  Terms terms;
  terms.add(name, strength(i, round) * penalty.value(discriminator_->forward_with_gradient(x, real.y).second).mean());
  return terms;
}

std::unique_ptr<LatentModel> Gan::model() { return std::make_unique<NetworkModel>(networks_); }

}  // namespace obverse
