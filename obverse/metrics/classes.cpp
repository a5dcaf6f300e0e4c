#include "obverse/metrics/classes.h"

#include <ATen/ATen.h>

#include "obverse/core/error.h"

namespace obverse {

ClassShares class_shares(const at::Tensor& logits, double threshold) {
  if (logits.dim() != 2 || logits.size(0) == 0) fail("classes: needs logits for at least one sample");
  const auto [probability, label] = logits.to(at::kDouble).softmax(1).max(1);
  const at::Tensor counts = at::bincount(label, {}, logits.size(1)).to(at::kDouble);
  return {counts / static_cast<double>(logits.size(0)),
          (probability >= threshold).to(at::kDouble).mean().item<double>()};
}

}  // namespace obverse
