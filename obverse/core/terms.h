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
  /// Reported, not minimised: a logit's mean, a gradient norm. May be of any shape; its mean is what is reported.
  void watch(std::string name, at::Tensor value) { watched_.emplace_back(std::move(name), std::move(value)); }
  at::Tensor total() const;
  const std::vector<std::pair<std::string, at::Tensor>>& terms() const { return terms_; }
  const std::vector<std::pair<std::string, at::Tensor>>& watched() const { return watched_; }

 private:
  std::vector<std::pair<std::string, at::Tensor>> terms_, watched_;
};

}  // namespace obverse
