#pragma once

#include <ATen/ATen.h>

#include "obverse/metrics/features.h"
#include "obverse/models/latent_model.h"

namespace obverse {

/// x = z weight, z: [N, Z], weight: [Z, ...]: what is known of it can be worked out by hand.
class LinearModel : public LatentModel {
 public:
  explicit LinearModel(at::Tensor weight) : weight_(std::move(weight)) {
    domain_.kind = weight_.dim() == 2 ? Domain::Kind::points : Domain::Kind::image;
    domain_.shape = weight_.sizes().slice(1).vec();
    name = "linear model";
  }
  const Domain& domain() const override { return domain_; }
  std::vector<LatentSpace> spaces() const override { return {{"z", {weight_.size(0)}}}; }
  at::Tensor decode(const at::Tensor& code, const at::Tensor&) override {
    return at::tensordot(code, weight_, {1}, {0});
  }

 private:
  Domain domain_;
  at::Tensor weight_;
};

/// Features that are the samples' own numbers.
class Coordinates : public FeatureNetwork {
 public:
  explicit Coordinates(int64_t width) {
    name = "coordinates";
    dims = width;
  }
  at::Tensor features(const at::Tensor& x) override { return x.flatten(1); }
};

}  // namespace obverse
