#pragma once

#include <optional>

#include "obverse/models/networks.h"

namespace obverse {

/// What an encoder after the fact needs to know of a trained game's networks.
struct GeneratorParts {
  int64_t z_dim = 64;
  std::string prior = "normal";
  bool conditional = false;
  Choice<NetworkRow<Generator>> generator{generator_table(), "dcgan"};
  std::optional<Choice<NetworkRow<Discriminator>>> discriminator;  // of samples, under the name "discriminator"
};

/// Options of games that train a generator, under the name "generator".
struct GeneratorSource {
  virtual ~GeneratorSource() = default;
  virtual GeneratorParts generator_parts() const = 0;
};

}  // namespace obverse
