#pragma once

#include "obverse/layers/activation.h"
#include "obverse/layers/init.h"
#include "obverse/layers/module.h"
#include "obverse/models/dense_layers.h"
#include "obverse/recipe/fields.h"

namespace obverse {

struct MadeOptions : Options {
  std::vector<int64_t> widths = {128, 128};
  std::string activation = "relu";
  void describe(Fields& f) override;
};

/// A linear layer some of whose weights are held at 0.
class MaskedLinear : public Module {
 public:
  /// mask: [outputs, inputs] of 0 and 1.
  MaskedLinear(at::Tensor mask, const Init& init, Rng& rng);
  at::Tensor forward(const at::Tensor& x);          // [N, inputs] -> [N, outputs]
  at::Tensor weight() const;                        // as it acts: 0 where it is held
  const at::Tensor& bias() const { return bias_; }  // [outputs]

 private:
  at::Tensor mask_, weight_, bias_;
};

/// The masked autoencoder of Germain 2015: dense layers of which the outputs for a number see only the numbers before
/// it. Degrees of hidden units go round 1 .. D - 1.
class Made : public Module {
 public:
  /// outputs: for each number. reversed: the last number comes first. The last layer starts at 0.
  Made(int64_t numbers, int64_t outputs, const MadeOptions& options, bool reversed, Rng& rng);
  at::Tensor forward(const at::Tensor& x);  // [N, D] -> [N, outputs, D]
  DenseLayers dense_layers() const;

 private:
  int64_t numbers_, outputs_;
  Activation activation_;
  std::vector<std::shared_ptr<MaskedLinear>> layers_;
};

}  // namespace obverse
