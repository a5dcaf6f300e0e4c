#pragma once

#include <vector>

#include "obverse/data/dataset.h"

namespace obverse {

/// Endless shuffled batches; every epoch is a new permutation, batches run across epochs' borders. Even batches hold a
/// sample of each of `batch` cells of a k-d tree over the data (cells of equal counts, cut at the median of the
/// coordinate that varies most), in the cells' order; what cells hold over is another epoch's. Deterministic given the
/// Rng, and resumable: `state` holds the random state before the epoch's permutation, and the position in it.
class BatchStream {
 public:
  /// Throws UserError when the data set is smaller than a batch.
  BatchStream(std::shared_ptr<const Dataset> data, int64_t batch, Rng rng, bool even = false);
  Batch next();
  at::Tensor state() const;  // uint8
  /// Throws UserError when the state is damaged or of a data set of another size.
  void set_state(const at::Tensor& state);
  const Dataset& dataset() const { return *data_; }

 private:
  void begin_epoch();
  std::shared_ptr<const Dataset> data_;
  int64_t batch_, position_ = 0;
  Rng rng_;
  std::vector<at::Tensor> cells_;  // rows of each; empty: batches need not be even
  at::Tensor epoch_state_, order_;
};

}  // namespace obverse
