#include "obverse/core/terms.h"

#include <ATen/TensorOperators.h>

#include "obverse/core/error.h"

namespace obverse {

at::Tensor Terms::total() const {
  if (terms_.empty()) throw std::logic_error("a loss without terms");
  at::Tensor sum = terms_.front().second;
  for (size_t i = 1; i < terms_.size(); ++i) sum = sum + terms_[i].second;
  return sum;
}

}  // namespace obverse
