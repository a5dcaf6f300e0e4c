#pragma once

#include <map>
#include <string>
#include <vector>

#include "obverse/core/named_tensors.h"

namespace obverse {

/// Everything that a run needs to go on with the same bits.
struct Checkpoint {
  NamedTensors tensors;  // weights, averages, optimisers, random streams, data position, game state
  int64_t round = 0, images = 0;
  double seconds = 0;  // of training so far
  double lr_factor = 1;
  bool rolled_back = false;
  std::string monitors;
  std::map<std::string, uint64_t> sizes;  // of the run's growing files
};

/// Writes state/<images> in the run folder, aside and renamed, and removes all but the last `keep`.
void write_checkpoint(const std::string& run, const Checkpoint& checkpoint, int64_t keep);

/// Paths of the run's checkpoints, oldest first.
std::vector<std::string> list_checkpoints(const std::string& run);

/// Throws UserError naming the path when it is damaged.
Checkpoint read_checkpoint(const std::string& path);

}  // namespace obverse
