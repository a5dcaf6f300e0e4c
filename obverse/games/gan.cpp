#include "obverse/games/gan.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/games/player_table.h"
#include "obverse/layers/augment.h"

namespace obverse {

void GrowthOptions::describe(Fields& f) {
  f("hold", hold, "share of the run that a stage is held", kPositive);
  f("fade", fade, "share of the run in which the next fades in", kPositive);
}

double GrowthOptions::level(double progress) const {
  const double stage = std::floor(progress / (hold + fade));
  return stage + std::clamp((progress - stage * (hold + fade) - hold) / fade, 0.0, 1.0);
}

GanOptions::GanOptions() : generator(generator_table(), "dcgan"), discriminator(discriminator_table(), "dcgan") {}

void GanOptions::describe(Fields& f) {
  f.table("game", [&] {
    f("loss", loss, "adversarial loss", names(adversarial_table()));
    f("z_dim", z_dim, "numbers in a latent code", {1, 65536});
    f("prior", prior, "of codes", names(prior_table()));
    f("conditional", conditional, "generator and discriminator are told the class");
    f("critic_steps", critic_steps, "discriminator steps a generator step", {1, 1000});
    f("label_smoothing", label_smoothing, "real samples' label is 1 less this", kShare);
    f("consistency_real", consistency_real,
      "weight of D's squared change when a real image is changed by consistency_by (10); 0: off", kNotNegative);
    f("consistency_fake", consistency_fake, "the same of generated images", kNotNegative);
    describe_changes(f, "consistency_by", consistency_by, "changes that D is to overlook");
    f("class_weight", class_weight, "of the class guessed wrongly (discriminator.conditioning = \"auxiliary\")",
      kNotNegative);
    f("drift", drift, "weight of D's squared logits on real samples, for critics (0.001); 0: off", kNotNegative);
    f.table("growth", growth);
    f("style_mixing", style_mixing, "chance that a sample takes the styles of two codes (0.9)", kShare);
    f.table("path_length", path_length);
    view.describe(f);
    if (label_smoothing > 0 && !find_row(adversarial_table(), "loss", loss).smoothing)
      f.problem("label_smoothing", loss + " has no labels to smooth: use minimax, non-saturating or least-squares");
    penalties.describe(f);
  });
  describe_player(f, "generator", generator, generator_optimiser);
  describe_player(f, "discriminator", discriminator, discriminator_optimiser);
}

// A discriminator of packs judges no single sample.
GeneratorParts GanOptions::generator_parts() const {
  GeneratorParts parts{z_dim, prior, conditional, generator, discriminator};
  if (view.packing > 1) parts.discriminator.reset();
  return parts;
}

Gan::Gan(const GanOptions& options, const Domain& domain, uint64_t seed)
    : options_(options), loss_(find_row(adversarial_table(), "loss", options.loss)) {
  networks_.shape = network_shape(domain, options.z_dim, options.conditional);
  networks_.prior = options.prior;
  Rng generator_rng(seed, "generator"), discriminator_rng(seed, "discriminator");
  generator_ = networks_.generator = build(options_.generator, networks_.shape, generator_rng);
  judge_ = discriminator_ =
      build(options_.discriminator, View::shape_behind(options_.view, networks_.shape), discriminator_rng);
  players_ = {{"discriminator", {{"discriminator", discriminator_}}, options_.discriminator_optimiser},
              {"generator", {{"generator", generator_}}, options_.generator_optimiser}};
  if (options_.view.packing == 1) networks_.discriminator = discriminator_;
  if (loss_.witness && networks_.shape.classes > 0 && !discriminator_->classifies())
    fail(
        "game.loss: {} compares features, which know nothing of classes: use discriminator.conditioning = "
        "\"auxiliary\", or conditional = false",
        loss_.name);
  if (options_.consistency_real + options_.consistency_fake > 0 &&
      (loss_.witness || domain.kind != Domain::Kind::image))
    fail("game.consistency: it is of logits of images: set both weights to 0");
  if (loss_.witness && options_.drift > 0) fail("game.drift: it is of logits, {} has none: set it to 0", loss_.name);
  if (loss_.floats && options_.view.adaptive_target > 0)
    fail(
        "game.adaptive_target: reads the sign of D's logits, and {} leaves their zero free: use another loss, or set "
        "it to 0",
        loss_.name);
  const auto *small = dynamic_cast<Growing*>(generator_.get()), *critic = dynamic_cast<Growing*>(judge_.get());
  if (!small != !critic || (small && small->stages() != critic->stages()))
    fail("generator and discriminator must grow together: both progressive, with as many stages in `channels`");
  styles_ = std::dynamic_pointer_cast<StyleGenerator>(generator_);
  if (!styles_ && (options_.style_mixing > 0 || options_.path_length.weight > 0))
    fail("game.{}: the generator \"{}\" has no styles: use one that has, such as stylegan2, or set it to 0",
         options_.style_mixing > 0 ? "style_mixing" : "path_length.weight", options_.generator.kind);
  if (!options_.view.plain()) discriminator_ = view_ = std::make_shared<View>(options_.view, discriminator_);
}

std::vector<Phase> Gan::phases() {
  std::vector<Phase> result = {{"discriminator", "main", 1, options_.critic_steps}};
  for (Phase phase : options_.penalties.phases()) {
    phase.repeats = options_.critic_steps;  // as often as D's other steps
    result.push_back(phase);
  }
  result.push_back({"generator", "main"});
  if (options_.path_length.weight > 0) result.push_back({"generator", "path_length", options_.path_length.interval});
  return result;
}

bool Gan::intertwined() const {  // else generated samples are points that a penalty is taken at, or copied
  return !options_.penalties.needs_fake({"discriminator"}) && options_.consistency_fake == 0;
}

NamedTensors Gan::state() {
  NamedTensors result;
  if (view_) result = view_->state();
  if (options_.path_length.weight > 0) result.push_back(path_length_.state().front());
  return result;
}

Terms Gan::loss(const Phase& phase, Round& round) {
  if (round.even && options_.view.packing > 1)
    fail("game.packing: packs are of independent samples: set train.even_batches = false");
  if (view_) view_->use(round.rng(), round.progress);
  grow(round.progress);
  if (phase.name == "path_length") return path_length_loss(round);
  if (phase.player == "generator") return generator_loss(round);
  return phase.name == "main" ? discriminator_loss(round) : penalty_loss(phase, round);
}

void Gan::grow(double progress) {
  for (Module* network : {static_cast<Module*>(generator_.get()), static_cast<Module*>(judge_.get())})
    if (auto* growing = dynamic_cast<Growing*>(network)) growing->grow(options_.growth.level(progress));
}

at::Tensor Gan::generate(const at::Tensor& y, Round& round) {
  generator_->draw_noise_from(&round.rng());
  const at::Tensor z = round.codes(networks_.space());
  const at::Tensor x =
      options_.style_mixing > 0 ? styles_->synthesise(mixed_styles(z, y, round.rng())) : generator_->forward(z, y);
  generator_->draw_noise_from(nullptr);
  return x;
}

at::Tensor Gan::mixed_styles(const at::Tensor& z, const at::Tensor& y, Rng& rng) {
  const at::Tensor ws = styles_->everywhere(styles_->map(z, y));
  if (rng.uniform({1}).item<double>() >= options_.style_mixing) return ws;
  const int64_t cut = 1 + rng.integers(styles_->layers() - 1, {1}).item<int64_t>();
  const at::Tensor other = styles_->everywhere(styles_->map(networks_.space().draw(z.size(0), rng), y));
  return at::cat({ws.narrow(1, 0, cut), other.narrow(1, cut, styles_->layers() - cut)}, 1);
}

Terms Gan::path_length_loss(Round& round) {
  const PathLengthOptions& o = options_.path_length;
  const int64_t n = std::max<int64_t>(1, round.batch / o.batch_shrink);
  at::Tensor y;
  if (networks_.shape.classes > 0) y = round.next_batch().y.narrow(0, 0, n);
  generator_->draw_noise_from(&round.rng());
  const at::Tensor ws = mixed_styles(networks_.space().draw(n, round.rng()), y, round.rng());
  const double weight = o.weight * static_cast<double>(o.interval);
  Terms terms;
  terms.add("path_length", weight * path_length_.loss(*styles_, ws, round.rng()));
  generator_->draw_noise_from(nullptr);
  terms.watch("path_length/mean", path_length_.mean());
  return terms;
}

// D's opinion of k batches [N, ...] with the same labels: in one pass unless a logit depends on its whole batch.
std::vector<Gan::Judgement> Gan::look(const std::vector<at::Tensor>& batches, const at::Tensor& y, bool with_slope) {
  const auto k = static_cast<int64_t>(batches.size());
  std::vector<Judgement> result;
  if (k > 1 && discriminator_->mixes_samples()) {
    for (const at::Tensor& x : batches) result.push_back(look({x}, y, with_slope).front());
    return result;
  }
  const at::Tensor x = k > 1 ? at::cat(batches) : batches.front(), labels = y.defined() && k > 1 ? y.repeat({k}) : y;
  const bool with_features = discriminator_->classifies();
  Judgement all;
  if (with_slope) {
    at::Tensor* wanted = with_features ? &all.features : nullptr;
    std::tie(all.logits, all.slope) = discriminator_->forward_with_gradient(x, labels, wanted);
  } else {
    if (with_features) all.features = discriminator_->features(x);
    all.logits = with_features ? discriminator_->head(all.features, labels) : discriminator_->forward(x, labels);
  }
  const auto part = [&](const at::Tensor& of, int64_t i) { return of.defined() ? of.chunk(k)[i] : of; };
  for (int64_t i = 0; i < k; ++i) result.push_back({part(all.logits, i), part(all.slope, i), part(all.features, i)});
  return result;
}

std::vector<Gan::Judgement> Gan::judge(const std::vector<Question>& questions, const at::Tensor& y) {
  std::vector<Judgement> result(questions.size());
  for (const bool with_slope : {false, true}) {
    std::vector<size_t> places;
    std::vector<at::Tensor> batches;
    for (size_t i = 0; i < questions.size(); ++i)
      if (questions[i].with_slope == with_slope) places.push_back(i), batches.push_back(questions[i].x);
    if (places.empty()) continue;
    const std::vector<Judgement> judgements = look(batches, y, with_slope);
    for (size_t i = 0; i < places.size(); ++i) result[places[i]] = judgements[i];
  }
  return result;
}

// D minimises loss(D(x), D(G(z))) + sum of factor * weight * E[penalty] + what else is on. Points that penalties take
// share one pass and one gradient; the real and generated samples are among them where a penalty is taken right there.
Terms Gan::discriminator_loss(Round& round) {
  if (loss_.witness) return feature_discriminator_loss(round);
  Batch real = round.next_batch();  // [N, ...], [N]
  real.x = generator_->as_fine(real.x);
  std::vector<Question> asked = {{real.x}, {generate(real.y, round)}};  // G is frozen
  std::vector<std::pair<size_t, size_t>> taken;                         // penalty, place in `asked`
  for (size_t i = 0; i < penalty_table().size(); ++i) {
    if (!options_.penalties.in(i, {"discriminator"}) || options_.penalties.strength(i, round.progress) == 0) continue;
    const at::Tensor x = penalty_table()[i].points(asked[0].x, asked[1].x, round.rng());
    size_t place = 0;
    while (place < 2 && x.data_ptr() != asked[place].x.data_ptr()) ++place;
    if (place == 2) place = asked.size(), asked.emplace_back();
    asked[place] = {x, true};
    taken.emplace_back(i, place);
  }
  const double consistency[] = {options_.consistency_real, options_.consistency_fake};
  for (size_t k = 0; k < 2; ++k)
    if (consistency[k] > 0) asked.push_back({augmented(asked[k].x.detach(), options_.consistency_by, round.rng())});
  const std::vector<Judgement> said = judge(asked, real.y);
  Terms terms;
  at::Tensor main = loss_.discriminator(said[0].logits, said[1].logits);
  if (options_.label_smoothing > 0) main = main + loss_.smoothing(said[0].logits, options_.label_smoothing);
  terms.add("main", main.mean());
  if (options_.drift > 0) terms.add("drift", options_.drift * said[0].logits.square().mean());
  for (const auto& [i, place] : taken)
    terms.add(penalty_table()[i].name,
              options_.penalties.strength(i, round.progress) * penalty_table()[i].value(said[place].slope).mean());
  size_t changed = asked.size() - (consistency[0] > 0) - (consistency[1] > 0);
  for (size_t k = 0; k < 2; ++k)
    if (consistency[k] > 0)
      terms.add(k == 0 ? "consistency_real" : "consistency_fake",
                consistency[k] * (said[k].logits - said[changed++].logits).square().mean());
  if (discriminator_->classifies())
    terms.add("classes", class_loss(said[0].features, real.y) + class_loss(said[1].features, real.y));
  watch(terms, said[0].logits, said[1].logits);
  return terms;
}

void Gan::watch(Terms& terms, const at::Tensor& real_scores, const at::Tensor& fake_scores) {
  terms.watch("scores/real", mean_of(real_scores));
  terms.watch("scores/fake", mean_of(fake_scores));
  const double real_sign = mean_sign_of(real_scores - loss_.undecided);
  terms.watch("signs/real", real_sign);
  terms.watch("signs/fake", mean_sign_of(fake_scores - loss_.undecided));
  if (!view_ || options_.view.adaptive_target == 0) return;
  view_->observe(real_sign, real_scores.size(0) * options_.view.packing);
  terms.watch("augment/strength", view_->strength());
}

// G minimises loss(D(x), D(G(z))); x is a fresh real batch, drawn only where the loss or the labels need one.
Terms Gan::generator_loss(Round& round) {
  Batch real;
  if (loss_.generator_needs_real || networks_.shape.classes > 0) real = round.next_batch();
  if (real.x.defined()) real.x = generator_->as_fine(real.x);
  const at::Tensor fake = generate(real.y, round);
  at::Tensor real_said, fake_said, features;  // logits, or features for a loss of those
  if (loss_.witness) {
    real_said = discriminator_->features(real.x);
    fake_said = features = discriminator_->features(fake);
  } else {
    if (loss_.generator_needs_real) real_said = discriminator_->forward(real.x, real.y);
    const Judgement said = look({fake}, real.y, false).front();
    fake_said = said.logits;
    features = said.features;
  }
  Terms terms;
  terms.add("main", loss_.generator(real_said, fake_said).mean());
  if (discriminator_->classifies()) terms.add("classes", class_loss(features, real.y));
  return terms;
}

Terms Gan::penalty_loss(const Phase& phase, Round& round) {
  Batch real = round.next_batch();
  real.x = generator_->as_fine(real.x);
  const bool needs_fake = options_.penalties.needs_fake(phase) || loss_.witness;
  const at::Tensor fake = needs_fake ? generate(real.y, round) : at::Tensor();
  Terms terms;
  options_.penalties.add(terms, phase, round, real.x, fake, [&](const at::Tensor& x) {
    if (loss_.witness) return slope_of_witness(x, discriminator_->features(real.x), discriminator_->features(fake));
    return discriminator_->forward_with_gradient(x, real.y).second;
  });
  return terms;
}

// A loss of features [N, F]; penalties are of its witness, the critic that it stands for.
Terms Gan::feature_discriminator_loss(Round& round) {
  Batch real = round.next_batch();
  real.x = generator_->as_fine(real.x);
  const at::Tensor fake = generate(real.y, round);
  const at::Tensor real_features = discriminator_->features(real.x), fake_features = discriminator_->features(fake);
  Terms terms;
  terms.add("main", loss_.discriminator(real_features, fake_features).mean());
  options_.penalties.add(terms, {"discriminator"}, round, real.x, fake,
                         [&](const at::Tensor& x) { return slope_of_witness(x, real_features, fake_features); });
  if (discriminator_->classifies())
    terms.add("classes", class_loss(real_features, real.y) + class_loss(fake_features, real.y));
  const auto scores = [&](const at::Tensor& h) { return loss_.witness(h, real_features, fake_features).detach(); };
  watch(terms, scores(real_features), scores(fake_features));
  return terms;
}

// The gradient [N, ...] of the witness at x; real and fake are features.
at::Tensor Gan::slope_of_witness(const at::Tensor& x, const at::Tensor& real, const at::Tensor& fake) {
  const at::Tensor point = x.detach().requires_grad_();
  const at::Tensor slope =
      gradient(loss_.witness(discriminator_->features(point), real, fake), point, /*create_graph=*/true);
  return view_ ? view_->packed(slope) : slope;
}

at::Tensor Gan::class_loss(const at::Tensor& features, const at::Tensor& y) {
  return options_.class_weight * at::cross_entropy_loss(discriminator_->class_logits(features), y);
}

std::unique_ptr<LatentModel> Gan::model() { return std::make_unique<NetworkModel>(networks_); }

}  // namespace obverse
