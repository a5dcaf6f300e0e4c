#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "obverse/layers/module.h"
#include "obverse/models/networks.h"

namespace obverse {

/// What a bijection makes of N samples, and log |det| of its Jacobian at each.
struct Flowed {
  at::Tensor value;    // [N, ...]
  at::Tensor log_det;  // [N]
};

/// A bijection with a tractable Jacobian: data to noise, and back.
class Transform : public Module {
 public:
  virtual Flowed forward(const at::Tensor& x) = 0;
  /// The inverse of forward, differentiable.
  virtual at::Tensor inverse(const at::Tensor& z) = 0;
};

/// One after the other.
class Sequence : public Transform {
 public:
  void add(const std::string& name, std::shared_ptr<Transform> transform) {
    transforms_.push_back(child(name, std::move(transform)));
  }
  Flowed forward(const at::Tensor& x) override;
  at::Tensor inverse(const at::Tensor& z) override;

 private:
  std::vector<std::shared_ptr<Transform>> transforms_;
};

/// Flows take samples [N, ...] to standard normal codes [N, D], D the numbers in a sample.
/// realnvp, glow, maf, iaf.
const std::vector<NetworkRow<Transform>>& flow_table();

NetworkRow<Transform> realnvp_flow();
NetworkRow<Transform> glow_flow();
NetworkRow<Transform> maf_flow();
NetworkRow<Transform> iaf_flow();

}  // namespace obverse
