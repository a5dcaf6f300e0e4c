#include "obverse/games/cyclegan.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <utility>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/games/player_table.h"

namespace obverse {

namespace {

at::Tensor distance(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().mean(); }

}  // namespace

void CycleGanOptions::describe(Fields& f) {
  f.table("game", [&] {
    f("loss", loss, "adversarial loss, of every patch", logit_losses());
    f("cycle", cycle, "weight of the distance of an image to itself there and back", kNotNegative);
    f("identity", identity, "share of that weight for images that are of the wanted kind already; 0: off",
      kNotNegative);
    penalties.describe(f);
    f("pool", pool, "generated images kept to be shown again; 0: none", {0, 10000});
  });
  describe_player(f, "generator", generator, generator_optimiser);
  describe_player(f, "discriminator", discriminator, discriminator_optimiser);
}

CycleGan::CycleGan(const CycleGanOptions& options, const Domain& domain, uint64_t seed)
    : options_(options),
      loss_(find_row(adversarial_table(), "loss", options.loss)),
      domain_(domain),
      pool_a_(options.pool, domain.shape),
      pool_b_(options.pool, domain.shape) {
  if (domain.classes.size() != 2)
    fail(
        "cyclegan: translates between two classes, the data have {}: use a folder with trainA, trainB, testA and "
        "testB, or a data set of two classes",
        domain.classes.size());
  const NetworkShape shape{domain, 1, 0};
  const auto generator = [&](const char* purpose) {
    Rng rng(seed, purpose);
    return build(options_.generator, shape, rng);
  };
  const auto discriminator = [&](const char* purpose) {
    Rng rng(seed, purpose);
    return build(options_.discriminator, shape, rng);
  };
  a_to_b_ = generator("generator");
  b_to_a_ = generator("generator back");
  judge_a_ = discriminator("discriminator");
  judge_b_ = discriminator("discriminator back");
  players_ = {{"generator", {{"a_to_b", a_to_b_}, {"b_to_a", b_to_a_}}, options_.generator_optimiser},
              {"discriminator", {{"judge_a", judge_a_}, {"judge_b", judge_b_}}, options_.discriminator_optimiser}};
}

std::vector<std::pair<std::string, std::string>> CycleGan::formulas(const Phase& phase) {
  if (phase.player == "discriminator") {
    std::vector<std::pair<std::string, std::string>> lines = options_.penalties.formulas(phase);
    if (phase.name == "main")
      lines.emplace(lines.begin(), "main", loss_.discriminator_formula + ", of either side, G(z) from the pool");
    return lines;
  }
  return {{"main", loss_.generator_formula + ", of either side"},
          {"cycle", "cycle (E |F(G(a)) - a| + E |G(F(b)) - b|)"},
          {"identity", "cycle identity (E |G(b) - b| + E |F(a) - a|)"}};
}

std::vector<Phase> CycleGan::phases() {
  std::vector<Phase> result = {{"generator"}, {"discriminator"}};
  for (const Phase& phase : options_.penalties.phases()) result.push_back(phase);
  return result;
}

CycleGan::Pair CycleGan::draw(Round& round) const {
  const Batch batch = round.next_batch();
  const at::Tensor a = (batch.y == 0).nonzero().squeeze(1), b = (batch.y == 1).nonzero().squeeze(1);
  const int64_t n = std::min(a.size(0), b.size(0));
  if (n == 0) fail("cyclegan: a batch of {} cannot hold both classes: use train.batch = 2 or more", round.batch);
  return {batch.x.index_select(0, a.narrow(0, 0, n)), batch.x.index_select(0, b.narrow(0, 0, n))};
}

Terms CycleGan::loss(const Phase& phase, Round& round) {
  if (phase.player == "generator") return generator_loss(round);
  return phase.name == "main" ? discriminator_loss(round) : penalty_loss(phase, round);
}

Terms CycleGan::generator_loss(Round& round) {
  const Pair x = draw(round);                                  // [n, C, H, W] each
  const Pair y{b_to_a_->forward(x.b), a_to_b_->forward(x.a)};  // made a, made b
  const Pair back{b_to_a_->forward(y.b), a_to_b_->forward(y.a)};
  const auto judged = [&](PatchDiscriminator& D, const at::Tensor& real, const at::Tensor& fake) {
    const at::Tensor logits = loss_.generator_needs_real ? D.forward(real).flatten() : at::Tensor();
    return loss_.generator(logits, D.forward(fake).flatten()).mean();
  };
  Terms terms;
  terms.add("main", judged(*judge_a_, x.a, y.a) + judged(*judge_b_, x.b, y.b));
  terms.add("cycle", options_.cycle * (distance(back.a, x.a) + distance(back.b, x.b)));
  if (options_.identity > 0)
    terms.add("identity", options_.cycle * options_.identity *
                              (distance(b_to_a_->forward(x.a), x.a) + distance(a_to_b_->forward(x.b), x.b)));
  real_ = x;
  made_ = {y.a.detach(), y.b.detach()};
  return terms;
}

// Each minimises its loss on real images and on what the pool hands out for the generators' latest.
Terms CycleGan::discriminator_loss(Round& round) {
  if (!made_.a.defined()) {
    real_ = draw(round);
    made_ = without_grad([&] { return Pair{b_to_a_->forward(real_.b), a_to_b_->forward(real_.a)}; });
  }
  const Pair real = std::exchange(real_, {}), made = std::exchange(made_, {});
  Terms terms;
  at::Tensor sum = at::zeros({});
  const auto judge = [&](PatchDiscriminator& D, const at::Tensor& x, const at::Tensor& y, ImagePool& pool) {
    const at::Tensor real_logits = D.forward(x).flatten(),
                     fake_logits = D.forward(pool.exchange(y, round.rng())).flatten();
    sum = sum + loss_.discriminator(real_logits, fake_logits).mean();
    terms.watch("scores/real", mean_of(real_logits));
    terms.watch("scores/fake", mean_of(fake_logits));
  };
  judge(*judge_a_, real.a, made.a, pool_a_);
  judge(*judge_b_, real.b, made.b, pool_b_);
  terms.add("main", sum);
  add_penalties(terms, {"discriminator"}, round, real, made);
  return terms;
}

void CycleGan::add_penalties(Terms& terms, const Phase& phase, Round& round, const Pair& real, const Pair& made) const {
  const auto add = [&](PatchDiscriminator& D, const at::Tensor& x, const at::Tensor& y) {
    options_.penalties.add(terms, phase, round, x, y, [&](const at::Tensor& points) {
      const at::Tensor variable = points.detach().requires_grad_();
      return gradient(D.forward(variable).flatten(1).mean(1), variable, /*create_graph=*/true);
    });
  };
  add(*judge_a_, real.a, made.a);
  add(*judge_b_, real.b, made.b);
}

Terms CycleGan::penalty_loss(const Phase& phase, Round& round) {
  const Pair real = draw(round);
  const Pair made = without_grad([&] { return Pair{b_to_a_->forward(real.b), a_to_b_->forward(real.a)}; });
  Terms terms;
  add_penalties(terms, phase, round, real, made);
  return terms;
}

NamedTensors CycleGan::state() {
  NamedTensors result = pool_a_.state("pool_a.");
  for (auto& entry : pool_b_.state("pool_b.")) result.push_back(std::move(entry));
  return result;
}

std::unique_ptr<LatentModel> CycleGan::model() { return std::make_unique<TranslationModel>(domain_, b_to_a_, a_to_b_); }

TranslationModel::TranslationModel(Domain domain, std::shared_ptr<Translator> to_a, std::shared_ptr<Translator> to_b)
    : domain_(std::move(domain)), to_{std::move(to_a), std::move(to_b)} {}

at::Tensor TranslationModel::decode(const at::Tensor& code, const at::Tensor& y) {
  std::vector<at::Tensor> rows, parts;
  for (int64_t k = 0; k < 2; ++k) {
    const at::Tensor of_class = (y == k).nonzero().squeeze(1);
    if (of_class.size(0) == 0) continue;
    rows.push_back(of_class);
    parts.push_back(to_[k]->forward(code.index_select(0, of_class)));
  }
  return at::cat(parts).index_select(0, at::argsort(at::cat(rows)));
}

}  // namespace obverse
