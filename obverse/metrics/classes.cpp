#include "obverse/metrics/classes.h"

#include <ATen/ATen.h>

#include <cmath>

#include "obverse/core/error.h"

namespace obverse {

ClassShares class_shares(const at::Tensor& logits, double threshold) {
  if (logits.dim() != 2 || logits.size(0) == 0) fail("classes: needs logits for at least one sample");
  const auto [probability, label] = logits.to(at::kDouble).softmax(1).max(1);
  const at::Tensor counts = at::bincount(label, {}, logits.size(1)).to(at::kDouble);
  return {counts / static_cast<double>(logits.size(0)),
          (probability >= threshold).to(at::kDouble).mean().item<double>()};
}

InceptionScore inception_score(const at::Tensor& logits) {
  constexpr int64_t kParts = 10;
  const int64_t n = logits.size(0);
  if (n < 2 * kParts) fail("is: needs {} samples, there are {}", 2 * kParts, n);
  const at::Tensor p = logits.to(at::kDouble).softmax(1);
  std::vector<double> scores;
  for (int64_t part = 0; part < kParts; ++part) {
    const at::Tensor rows = p.slice(0, part * n / kParts, (part + 1) * n / kParts);
    const at::Tensor kl = (at::xlogy(rows, rows) - at::xlogy(rows, rows.mean(0))).sum(1);
    scores.push_back(std::exp(kl.mean().item<double>()));
  }
  const at::Tensor all = at::tensor(scores, at::kDouble);
  return {all.mean().item<double>(), all.std().item<double>() / std::sqrt(static_cast<double>(kParts))};
}

}  // namespace obverse
