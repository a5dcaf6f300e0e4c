#pragma once

#include "obverse/games/game.h"
#include "obverse/games/generator_source.h"
#include "obverse/games/network_model.h"

namespace obverse {

/// What recipes of a generator and an encoder have in common: some of [game], [generator] and [encoder]. One optimiser
/// serves both networks, [generator.optimiser], unless the game says otherwise.
struct AutoencoderOptions : Options, GeneratorSource {
  int64_t z_dim = 64;
  bool conditional = false;
  Choice<NetworkRow<Generator>> generator{generator_table(), "dcgan"};
  Choice<NetworkRow<Encoder>> encoder{encoder_table(), "dcgan"};
  OptimiserOptions generator_optimiser;
  void describe(Fields& f) override;
  GeneratorParts generator_parts() const override { return {z_dim, "normal", conditional, generator, {}}; }
};

/// A generator and an encoder with fresh weights. stochastic: the encoder gives means and standard deviations.
/// outputs: of the generator for each channel of an image.
Networks build_autoencoder(const AutoencoderOptions& options, const Domain& domain, uint64_t seed, bool stochastic,
                           int64_t outputs = 1);

}  // namespace obverse
