#include "obverse/games/autoencoder.h"

#include "obverse/games/player_table.h"

namespace obverse {

void AutoencoderOptions::describe(Fields& f) {
  f.table("game", [&] {
    f("z_dim", z_dim, "numbers in a latent code", {1, 65536});
    f("conditional", conditional, "the networks are told the class");
  });
  describe_player(f, "generator", generator, generator_optimiser);
  f.table("encoder", encoder);
}

Networks build_autoencoder(const AutoencoderOptions& options, const Domain& domain, uint64_t seed, bool stochastic,
                           int64_t outputs) {
  Rng generator_rng(seed, "generator"), encoder_rng(seed, "encoder");
  Networks networks;
  networks.shape = network_shape(domain, options.z_dim, options.conditional);
  networks.stochastic = stochastic;
  NetworkShape made = networks.shape;
  made.domain.shape[0] *= outputs;
  networks.generator = build(options.generator, made, generator_rng);
  NetworkShape encoded = networks.shape;
  if (stochastic) encoded.z_dim *= 2;
  networks.encoder = build(options.encoder, encoded, encoder_rng);
  return networks;
}

}  // namespace obverse
