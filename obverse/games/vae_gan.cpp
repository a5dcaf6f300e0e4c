#include "obverse/games/vae_gan.h"

#include <ATen/ATen.h>

#include "obverse/core/autograd.h"
#include "obverse/games/player_table.h"
#include "obverse/losses/reconstruction.h"

namespace obverse {

void VaeGanOptions::describe(Fields& f) {
  AutoencoderOptions::describe(f);
  f.table("game", [&] {
    f("loss", loss, "adversarial loss", logit_losses());
    f("kl_weight", kl_weight, "of the KL divergence, a number of the code", kNotNegative);
    f("similarity_weight", similarity_weight, "of the distance of G(E(x)) to x in the discriminator's features",
      kNotNegative);
    f("image_weight", image_weight, "of that distance in pixels; the paper has none", kNotNegative);
    penalties.describe(f);
  });
  f.table("encoder", [&] { f.table("optimiser", encoder_optimiser); });
  describe_player(f, "discriminator", discriminator, discriminator_optimiser);
}

VaeGan::VaeGan(const VaeGanOptions& options, const Domain& domain, uint64_t seed)
    : options_(options),
      loss_(find_row(adversarial_table(), "loss", options.loss)),
      networks_(build_autoencoder(options, domain, seed, true)) {
  Rng rng(seed, "discriminator");
  networks_.discriminator = build(options.discriminator, networks_.shape, rng);
  if (networks_.discriminator->classifies())
    fail("discriminator.conditioning = \"auxiliary\": this game has no term for D's classes: use projection or concatenation");
  players_ = {{"discriminator", {{"discriminator", networks_.discriminator}}, options.discriminator_optimiser},
              {"encoder", {{"encoder", networks_.encoder}}, options.encoder_optimiser},
              {"generator", {{"generator", networks_.generator}}, options.generator_optimiser}};
}

std::vector<Phase> VaeGan::phases() {
  std::vector<Phase> result = {{"discriminator"}, {"encoder"}, {"generator"}};
  for (const Phase& phase : options_.penalties.phases()) result.insert(result.begin() + 1, phase);
  return result;
}

VaeGan::Views VaeGan::look(Round& round, bool with_drawn) const {
  Views v;
  v.real = round.next_batch();                   // [N, ...], [N]
  v.code = networks_.infer(v.real.x, v.real.y);  // [N, d]
  v.back = networks_.generator->forward(v.code.sample(round.rng()), v.real.y);
  if (with_drawn) v.drawn = networks_.generator->forward(round.codes(networks_.space()), v.real.y);
  return v;
}

Terms VaeGan::discriminator_loss(const Views& v, const Phase& phase, Round& round) const {
  Discriminator& D = *networks_.discriminator;
  Terms terms;
  options_.penalties.add(terms, phase, round, v.real.x, v.drawn,
                         [&](const at::Tensor& x) { return D.forward_with_gradient(x, v.real.y).second; });
  if (phase.name != "main") return terms;
  const at::Tensor real = D.forward(v.real.x, v.real.y);                                      // [N]
  const at::Tensor back = D.forward(v.back, v.real.y), drawn = D.forward(v.drawn, v.real.y);  // [N]
  terms.add("main", 0.5 * (loss_.discriminator(real, back) + loss_.discriminator(real, drawn)).mean());
  terms.watch("scores/real", mean_of(real));
  terms.watch("scores/fake", 0.5 * (mean_of(back) + mean_of(drawn)));
  return terms;
}

Terms VaeGan::loss(const Phase& phase, Round& round) {
  const Views v = look(round, phase.player != "encoder");
  if (phase.player == "discriminator") return discriminator_loss(v, phase, round);
  Discriminator& D = *networks_.discriminator;
  const at::Tensor wanted = without_grad([&] { return D.features(v.real.x); });  // [N, F]
  const at::Tensor found = D.features(v.back);                                   // [N, F]
  const at::Tensor error = mean_squared_error(v.back, v.real.x).mean();
  Terms terms;
  terms.watch("mse", mean_of(error.detach()));
  terms.add("similarity", options_.similarity_weight * mean_squared_error(found, wanted).mean());
  if (options_.image_weight > 0) terms.add("image", options_.image_weight * error);
  if (phase.player == "encoder") {
    terms.add("kl", options_.kl_weight * v.code.kl_to_normal().mean());
    return terms;
  }
  const at::Tensor real = loss_.generator_needs_real ? D.head(wanted, v.real.y) : at::Tensor();
  const at::Tensor back = D.head(found, v.real.y), drawn = D.forward(v.drawn, v.real.y);
  terms.add("main", 0.5 * (loss_.generator(real, back) + loss_.generator(real, drawn)).mean());
  return terms;
}

}  // namespace obverse
