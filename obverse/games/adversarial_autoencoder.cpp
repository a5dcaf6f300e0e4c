#include "obverse/games/adversarial_autoencoder.h"

#include <ATen/ATen.h>

#include "obverse/core/autograd.h"
#include "obverse/losses/reconstruction.h"

namespace obverse {

void AdversarialAutoencoderOptions::describe(Fields& f) {
  AutoencoderOptions::describe(f);
  f.table("game", [&] {
    f("loss", loss, "adversarial loss", logit_losses());
    f("stochastic", stochastic, "the encoder gives a Gaussian over codes, not one code");
    f("adversarial_weight", adversarial_weight, "of the discriminator's say against the squared error of pixels",
      kNotNegative);
    penalties.describe(f);
  });
  f.table("discriminator", [&] {
    discriminator.describe(f);
    f.table("optimiser", discriminator_optimiser);
    if (discriminator.kind != "mlp") f.problem("kind", "it judges codes, which are no images: use kind = \"mlp\"");
  });
}

// The discriminator's data are codes.
static NetworkShape shape_of_codes(const NetworkShape& shape) {
  return {{Domain::Kind::points, {shape.z_dim}, 0, {}}, shape.z_dim, shape.classes};
}

AdversarialAutoencoder::AdversarialAutoencoder(const AdversarialAutoencoderOptions& options, const Domain& domain,
                                               uint64_t seed)
    : options_(options),
      loss_(find_row(adversarial_table(), "loss", options.loss)),
      networks_(build_autoencoder(options, domain, seed, options.stochastic)) {
  Rng rng(seed, "discriminator");
  discriminator_ = build(options.discriminator, shape_of_codes(networks_.shape), rng);
  if (discriminator_->classifies())
    fail("discriminator.conditioning = \"auxiliary\": this game has no term for D's classes: use projection or concatenation");
  players_ = {
      {"discriminator", {{"discriminator", discriminator_}}, options.discriminator_optimiser},
      {"generator", {{"generator", networks_.generator}, {"encoder", networks_.encoder}}, options.generator_optimiser}};
}

std::vector<Phase> AdversarialAutoencoder::phases() {
  std::vector<Phase> result = {{"discriminator"}, {"generator"}};
  for (const Phase& phase : options_.penalties.phases()) result.insert(result.begin() + 1, phase);
  return result;
}

Terms AdversarialAutoencoder::loss(const Phase& phase, Round& round) {
  const Batch real = round.next_batch();                                        // [N, ...], [N]
  const at::Tensor code = networks_.infer(real.x, real.y).sample(round.rng());  // [N, d]
  const at::Tensor drawn = round.codes(networks_.space());                      // [N, d]
  const bool critic = phase.player == "discriminator";
  Terms terms;
  if (critic)
    options_.penalties.add(terms, phase, round, drawn, code, [&](const at::Tensor& z) {
      return discriminator_->forward_with_gradient(z, real.y).second;
    });
  if (phase.name != "main") return terms;
  const at::Tensor inferred = discriminator_->forward(code, real.y);  // [N]
  at::Tensor prior;
  if (critic || loss_.generator_needs_real) prior = discriminator_->forward(drawn, real.y);  // [N]
  if (critic) {
    terms.add("main", loss_.discriminator(prior, inferred).mean());
    terms.watch("scores/real", mean_of(prior));
    terms.watch("scores/fake", mean_of(inferred));
    return terms;
  }
  const at::Tensor error = mean_squared_error(networks_.generator->forward(code, real.y), real.x).mean();
  terms.watch("code_square", mean_of(code.detach().square()));  // 1 under the prior
  terms.add("image", error);
  terms.add("main", options_.adversarial_weight * loss_.generator(prior, inferred).mean());
  return terms;
}

}  // namespace obverse
