#pragma once

#include <string>
#include <vector>

#include "obverse/data/dataset.h"

namespace obverse {

/// What `obverse data check` found: every problem at once, the gravest first.
struct DataReport {
  struct Problem {
    bool fatal = false;  // training would refuse or be spoilt
    std::string what;    // one line: what, where, what to do
  };
  std::vector<Problem> problems;
  std::vector<std::string> facts;  // "60000 images of 1x28x28", "10 classes, 6000 to 6000 each", "3 exact duplicates"
};

/// Looks at the source itself (each file of a folder or zip) for mixed sizes and channels, labels that are missing or
/// out of range, exact duplicates, overlap of train and test, unreadable files, constant images.
DataReport check_data(const DataOptions& options);

/// Writes a source as a StyleGAN zip (PNG members and dataset.json), size 0: as it is. Returns how many images it has.
int64_t prepare_data(const DataOptions& options, const std::string& split, const std::string& out);

}  // namespace obverse
