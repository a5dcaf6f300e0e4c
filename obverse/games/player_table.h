#pragma once

#include <string>

#include "obverse/recipe/fields.h"
#include "obverse/recipe/optimiser_options.h"

namespace obverse {

/// The table of a recipe that a player has: its network's options and, in `optimiser`, its optimiser's.
template <class Network>
void describe_player(Fields& f, const std::string& name, Network& network, OptimiserOptions& optimiser) {
  f.table(name, [&] {
    network.describe(f);
    f.table("optimiser", optimiser);
  });
}

}  // namespace obverse
