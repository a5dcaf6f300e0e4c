#pragma once

#include "obverse/models/dense_trunk.h"
#include "obverse/models/heads.h"
#include "obverse/models/networks.h"

namespace obverse {

/// The part of D(x, z) behind the features of x: hidden layers on the code by itself, and then on both.
struct PairHeadOptions : Options {
  std::vector<int64_t> code_widths;
  std::vector<int64_t> widths = {256};
  std::string activation = "leaky_relu";
  bool batch_norm = false;
  bool norm_gain = true;
  double init_std = 0;
  bool zero_init = false;
  int64_t frequencies = 0;
  double max_frequency = 100;
  void describe(Fields& f) override;
};

/// Features of x and a code to a logit. The layer that joins them is linear in both side by side, which is the sum of a
/// linear layer of each: Donahue 2017, appendix C.1.
class PairHead : public Module {
 public:
  PairHead(const PairHeadOptions& options, int64_t features, const NetworkShape& shape, Rng& rng);
  /// h: [N, features], z: [N, z_dim], y: [N] or undefined; returns [N] float32.
  at::Tensor forward(const at::Tensor& h, const at::Tensor& z, const at::Tensor& y);
  /// What the logit is made of: [N, outputs].
  at::Tensor features(const at::Tensor& h, const at::Tensor& z);
  bool mixes_samples() const { return mixes_samples_; }

 private:
  bool mixes_samples_;
  std::shared_ptr<DenseTrunk> code_, both_;
  std::shared_ptr<LogitHead> head_;
};

}  // namespace obverse
