#pragma once

#include <memory>
#include <string>
#include <vector>

#include "obverse/core/table.h"
#include "obverse/models/networks.h"
#include "obverse/recipe/toml.h"

namespace obverse::testing {

/// The network of a table's row with options in TOML, fresh from a seed.
template <class Network>
std::shared_ptr<Network> make_network(const std::vector<NetworkRow<Network>>& table, const std::string& kind,
                                      const std::string& text, const NetworkShape& shape, uint64_t seed = 1) {
  const auto& row = find_row(table, "network", kind);
  const std::shared_ptr<Options> options = row.options();
  read_options({text, "test", {}}, *options);
  Rng rng(seed, "initialisation");
  return row.build(*options, shape, rng);
}

}  // namespace obverse::testing
