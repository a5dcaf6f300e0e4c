#include "obverse/data/batches.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cstring>

#include "obverse/core/error.h"

namespace obverse {

// Appends the rows of each of `count` cells.
static void cut_into_cells(const at::Tensor& samples, const at::Tensor& rows, int64_t count,
                           std::vector<at::Tensor>& cells) {
  if (count == 1) return cells.push_back(rows);
  const at::Tensor x = samples.index_select(0, rows).flatten(1).to(at::kFloat);  // [n, D]
  const at::Tensor sorted = rows.index_select(0, x.select(1, x.var(0).argmax().item<int64_t>()).argsort());
  const int64_t left = count / 2, cut = rows.size(0) * left / count;
  cut_into_cells(samples, sorted.slice(0, 0, cut), left, cells);
  cut_into_cells(samples, sorted.slice(0, cut), count - left, cells);
}

BatchStream::BatchStream(std::shared_ptr<const Dataset> data, int64_t batch, Rng rng, Spread spread)
    : data_(std::move(data)), batch_(batch), least_(data_->size()), rng_(std::move(rng)) {
  if (batch_ < 1) fail("a batch of {} samples: use at least 1", batch_);
  if (data_->size() < batch_)
    fail("{}: {} samples are fewer than a batch of {}: lower train.batch or use more data", data_->name, data_->size(),
         batch_);
  if (spread == Spread::even) cut_into_cells(data_->samples, at::arange(data_->size(), at::kLong), batch_, cells_);
  if (spread == Spread::by_class) {
    if (!data_->labels.defined()) fail("{}: has no classes to draw from in turn", data_->name);
    for (size_t k = 0; k < data_->domain.classes.size(); ++k)
      cells_.push_back((data_->labels == static_cast<int64_t>(k)).nonzero().squeeze(1));
  }
  for (const at::Tensor& cell : cells_) least_ = std::min(least_, cell.size(0));
  if (least_ * static_cast<int64_t>(cells_.size()) < batch_ && !cells_.empty())
    fail("{}: its smallest class of {} samples is too small for a batch of {}: lower train.batch", data_->name, least_,
         batch_);
  begin_epoch();
}

void BatchStream::begin_epoch() {
  epoch_state_ = rng_.state().clone();
  position_ = 0;
  if (cells_.empty()) {
    order_ = rng_.permutation(data_->size());
    return;
  }
  std::vector<at::Tensor> columns;  // of each cell as many, in random order
  for (const at::Tensor& cell : cells_)
    columns.push_back(cell.index_select(0, rng_.permutation(cell.size(0))).slice(0, 0, least_));
  order_ = at::stack(columns, 1).flatten();
}

Batch BatchStream::next() {
  const int64_t left = std::min(batch_, order_.size(0) - position_);
  at::Tensor rows = order_.slice(0, position_, position_ + left);
  position_ += left;
  if (left < batch_) {
    begin_epoch();
    rows = at::cat({rows, order_.slice(0, 0, batch_ - left)});
    position_ = batch_ - left;
  }
  return data_->get(rows);
}

// The random state before the epoch's permutation was drawn, then the position and the data set's size.
at::Tensor BatchStream::state() const {
  const int64_t numbers[] = {position_, data_->size()};
  at::Tensor tail = at::empty({sizeof(numbers)}, at::kByte);
  std::memcpy(tail.data_ptr(), numbers, sizeof(numbers));
  return at::cat({epoch_state_, tail});
}

void BatchStream::set_state(const at::Tensor& state) {
  int64_t numbers[2];
  const int64_t head = epoch_state_.numel();
  if (state.scalar_type() != at::kByte || state.dim() != 1 || state.numel() != head + int64_t{sizeof(numbers)})
    fail("the saved position in the data is damaged: start the run anew");
  const at::Tensor plain = state.cpu().contiguous();
  std::memcpy(numbers, plain.data_ptr<uint8_t>() + head, sizeof(numbers));
  if (numbers[1] != data_->size())
    fail("{}: the run was on {} samples, now there are {}: resume with the same data", data_->name, numbers[1],
         data_->size());
  if (numbers[0] < 0 || numbers[0] > order_.size(0))
    fail("the saved position in the data is damaged: start the run anew");
  rng_.set_state(plain.slice(0, 0, head).clone());
  begin_epoch();
  position_ = numbers[0];
}

}  // namespace obverse
