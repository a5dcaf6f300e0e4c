#include "obverse/games/encoder.h"

#include <ATen/ATen.h>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/games/player_table.h"
#include "obverse/games/recipe.h"
#include "obverse/games/vae.h"
#include "obverse/losses/reconstruction.h"

namespace obverse {

EncoderGameOptions::EncoderGameOptions()
    : generator(generator_table(), "dcgan"),
      discriminator(discriminator_table(), "dcgan"),
      encoder(encoder_table(), "dcgan") {
  optimiser.lr = Schedule(1e-3, 0, 1, "linear");
}

void EncoderGameOptions::describe(Fields& f) {
  f.table("game", [&] {
    f("model", model, "model file or run folder whose generator is to be inverted");
    f("latent_weight", latent_weight, "of the distance of E(G(z)) to z, on the generator's own samples", kNotNegative);
    f("image_weight", image_weight, "of the distance of G(E(x)) to x in pixels, on real samples", kNotNegative);
    f("feature_weight", feature_weight, "of that distance in the discriminator's features", kNotNegative);
    f("model_hash", model_hash,
      "SHA-256 of the model; filled in, as are z_dim, conditional, [generator], [discriminator]");
    f("z_dim", z_dim, "numbers in a latent code; taken from the model", {1, 65536});
    f("prior", prior, "of codes; taken from the model", names(prior_table()));
    f("conditional", conditional, "whether the networks are told the class; taken from the model");
    f("has_discriminator", has_discriminator, "whether the model has one of samples; taken from the model");
    if (latent_weight + image_weight + feature_weight <= 0)
      f.problem("latent_weight", "every weight is 0: nothing to learn from");
  });
  f.table("generator", generator);
  if (has_discriminator) f.table("discriminator", discriminator);
  describe_player(f, "encoder", encoder, optimiser);
}

GeneratorParts EncoderGameOptions::generator_parts() const {
  GeneratorParts parts{z_dim, prior, conditional, generator, {}};
  if (has_discriminator) parts.discriminator = discriminator;
  return parts;
}

void EncoderGameOptions::complete() {
  if (!model_hash.empty()) return;
  if (model.empty()) fail("game.model: name the model file or run folder whose generator is to be inverted");
  const LoadedModel loaded = load_model(model);
  const auto* source = dynamic_cast<const GeneratorSource*>(loaded.recipe.game.options.get());
  if (!source)
    fail("game.model: {} is of kind {}, which has no generator to learn an encoder for", model,
         loaded.recipe.game.kind);
  const auto* vae = dynamic_cast<const VaeOptions*>(source);
  if (vae && vae->outputs() > 1)
    fail("game.model: {} gives mixtures ({}), no images: use a model whose generator makes images", model,
         vae->likelihood);
  const GeneratorParts parts = source->generator_parts();
  z_dim = parts.z_dim;
  prior = parts.prior;
  conditional = parts.conditional;
  generator = parts.generator;
  has_discriminator = parts.discriminator.has_value();
  if (has_discriminator) discriminator = *parts.discriminator;
  if (!has_discriminator && feature_weight > 0)
    fail("game.feature_weight: {} has no discriminator of samples to take features of: set it to 0", model);
  model_hash = loaded.model->hash;
}

EncoderGame::EncoderGame(const EncoderGameOptions& options, const Domain& domain, uint64_t seed) : options_(options) {
  networks_.shape = network_shape(domain, options.z_dim, options.conditional);
  networks_.prior = options.prior;
  Rng generator_rng(seed, "generator"), discriminator_rng(seed, "discriminator"), encoder_rng(seed, "encoder");
  generator_ = networks_.generator = build(options_.generator, networks_.shape, generator_rng);
  if (options_.has_discriminator)
    discriminator_ = networks_.discriminator = build(options_.discriminator, networks_.shape, discriminator_rng);
  encoder_ = networks_.encoder = build(options_.encoder, networks_.shape, encoder_rng);
  for (const auto& [name, module] : EncoderGame::fixed_modules()) {
    module->train(false);
    module->set_requires_grad(false);
  }
  players_ = {{"encoder", {{"encoder", encoder_}}, options_.optimiser}};
}

std::vector<std::pair<std::string, std::shared_ptr<Module>>> EncoderGame::fixed_modules() {
  if (!discriminator_) return {{"generator", generator_}};
  return {{"generator", generator_}, {"discriminator", discriminator_}};
}

void EncoderGame::begin() {
  const LoadedModel source = load_model(options_.model);
  if (source.model->hash != options_.model_hash)
    fail("game.model: {} has changed since the recipe was read: start again", source.model->name);
  if (!(source.domain == networks_.shape.domain))
    fail("game.model: {} was trained on {}, the data are {}: use data of that kind", source.model->name,
         source.domain.text(), networks_.shape.domain.text());
  for (const auto& [name, module] : fixed_modules())
    copy_named(module->state(), source.game->module(name)->state(), source.model->name);
}

Terms EncoderGame::loss(const Phase&, Round& round) {
  const Batch real = round.next_batch();  // [N, ...], [N]
  Terms terms;
  if (options_.image_weight > 0 || options_.feature_weight > 0) add_reconstruction(real, terms);
  if (options_.latent_weight > 0) add_latent(real, round, terms);
  return terms;
}

void EncoderGame::add_reconstruction(const Batch& real, Terms& terms) {
  const at::Tensor code = networks_.infer(real.x, real.y).mean;  // [N, d]
  const at::Tensor x = generator_->forward(code, real.y);        // [N, ...]
  const at::Tensor error = mean_squared_error(x, real.x).mean();
  terms.watch("mse", mean_of(error));
  terms.watch("code_square", mean_of(code.detach().square()));  // 1 under the prior
  if (options_.image_weight > 0) terms.add("image", options_.image_weight * error);
  if (options_.feature_weight == 0) return;
  const at::Tensor wanted = without_grad([&] { return discriminator_->features(real.x); });
  terms.add("feature", options_.feature_weight * relative_squared_error(discriminator_->features(x), wanted).mean());
}

// The encoder's statistics are those of real samples, where there is a pass over them.
void EncoderGame::add_latent(const Batch& real, Round& round, Terms& terms) {
  const at::Tensor z = round.codes(networks_.space());
  const at::Tensor x = without_grad([&] { return generator_->forward(z, real.y); });
  if (!terms.terms().empty()) encoder_->track(false);
  terms.add("latent", options_.latent_weight * mean_squared_error(networks_.infer(x, real.y).mean, z).mean());
}

std::unique_ptr<LatentModel> EncoderGame::model() { return std::make_unique<NetworkModel>(networks_); }

}  // namespace obverse
