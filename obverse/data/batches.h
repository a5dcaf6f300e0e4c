#pragma once

#include <vector>

#include "obverse/data/dataset.h"

namespace obverse {

/// How batches are drawn: independently, evenly over the data, or from each class in turn.
enum class Spread { random, even, by_class };

/// Endless shuffled batches; every epoch is a new permutation, batches run across epochs' borders. Even batches hold a
/// sample of each of `batch` cells of a k-d tree over the data (cells of equal counts, cut at the median of the
/// coordinate that varies most), in the cells' order; what cells hold over is another epoch's. By class, classes take
/// turns, until the smallest is used up. Deterministic given the Rng, and resumable: `state` holds the random state
/// before the epoch's permutation, and the position in it.
class BatchStream {
 public:
  /// Throws UserError when the data set is smaller than a batch, or has no classes to take turns.
  BatchStream(std::shared_ptr<const Dataset> data, int64_t batch, Rng rng, Spread spread = Spread::random);
  Batch next();
  at::Tensor state() const;  // uint8
  /// Throws UserError when the state is damaged or of a data set of another size.
  void set_state(const at::Tensor& state);
  const Dataset& dataset() const { return *data_; }

 private:
  void begin_epoch();
  std::shared_ptr<const Dataset> data_;
  int64_t batch_, least_, position_ = 0;  // least_: rows of the smallest cell
  Rng rng_;
  std::vector<at::Tensor> cells_;  // rows of each; empty: batches are random
  at::Tensor epoch_state_, order_;
};

}  // namespace obverse
