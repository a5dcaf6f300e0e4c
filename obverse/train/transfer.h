#pragma once

#include <string>
#include <vector>

#include "obverse/core/named_tensors.h"

namespace obverse {

/// What became of the weights of a new model.
struct Transfer {
  int64_t copied = 0;              // tensors as they were
  int64_t adapted = 0;             // to another number of channels or classes
  std::vector<std::string> fresh;  // names of those that stay as they are: nothing fits them
};

/// Takes a trained model's weights over into another model's, in place, where they fit by name and shape. Networks that
/// see images first (all but generators) are aligned at their coarse ends: with one stage more, stage 1 takes what was
/// stage 0's. Image channels, 1 or 3, are repeated or joined so that a grey image gives what it gave; classes begin at
/// the mean of the old ones.
Transfer transfer_weights(const NamedTensors& target, const NamedTensors& source);

}  // namespace obverse
