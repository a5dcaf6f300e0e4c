#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

namespace obverse {

/// The named scalar terms of a loss, weights applied; their sum is minimised, each is reported.
class Terms {
 public:
  void add(std::string name, at::Tensor scalar) { terms_.emplace_back(std::move(name), std::move(scalar)); }
  /// Reported, not minimised: a mean of logits, a gradient norm.
  void watch(std::string name, double value) { watched_.emplace_back(std::move(name), value); }
  at::Tensor total() const;
  const std::vector<std::pair<std::string, at::Tensor>>& terms() const { return terms_; }
  const std::vector<std::pair<std::string, double>>& watched() const { return watched_; }

 private:
  std::vector<std::pair<std::string, at::Tensor>> terms_;
  std::vector<std::pair<std::string, double>> watched_;
};

/// Means over all elements of x and of their signs, in a plain loop: what is only reported should cost nothing.
double mean_of(const at::Tensor& x);
double mean_sign_of(const at::Tensor& x);

}  // namespace obverse
