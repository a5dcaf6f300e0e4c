#pragma once

#include <optional>

#include "obverse/layers/activation.h"
#include "obverse/layers/batch_norm.h"
#include "obverse/layers/dense_stack.h"
#include "obverse/layers/fourier_features.h"
#include "obverse/layers/linear.h"
#include "obverse/models/dense_layers.h"
#include "obverse/recipe/fields.h"

namespace obverse {

/// Hidden layers of a multilayer perceptron.
struct DenseOptions : Options {
  std::vector<int64_t> widths = {128, 128, 128};
  std::string activation = "leaky_relu";
  bool batch_norm = false;
  int64_t norm_from = 0;
  bool norm_gain = true;
  bool spectral_norm = false;
  double init_std = 0;
  double bias_spread = 0;
  int64_t identity_layers = 0;
  bool repeat_input = false;
  int64_t frequencies = 0;
  double max_frequency = 100;
  void describe(Fields& f) override;
  /// Of a layer that follows them, with an output that no activation bends.
  LayerOptions last_layer() const;
};

/// Fourier features where asked for; hidden layers: linear, batch norm where asked for, activation.
class DenseTrunk : public Module {
 public:
  DenseTrunk(const DenseOptions& options, int64_t inputs, Rng& rng);
  at::Tensor forward(at::Tensor x);  // [N, inputs] -> [N, outputs]
  int64_t outputs() const { return outputs_; }
  bool mixes_samples() const { return mixes_samples_; }
  /// Of the first layer, where it takes the inputs as they are; else none.
  std::vector<at::Tensor> first_weights() const;
  /// These layers and `last` as one operation in float32, where they are nothing but dense layers and small: there
  /// bfloat16 saves nothing.
  std::optional<DenseStack> with(const Linear& last) const;
  /// These layers and `last` as their numbers, where they are nothing but dense layers.
  std::optional<DenseLayers> numbers_with(const Linear& last) const;

 private:
  Activation activation_;
  std::optional<double> dense_;  // the activation's negative slope, where the trunk is nothing but dense layers
  bool mixes_samples_ = false, spectral_norm_ = false, repeat_input_ = false;
  int64_t outputs_ = 0, widest_ = 0;
  std::shared_ptr<FourierFeatures> frequencies_;
  std::vector<std::shared_ptr<Linear>> layers_;
  std::vector<std::shared_ptr<BatchNorm>> norms_;  // nullptr: none after that layer
};

}  // namespace obverse
