#include "obverse/models/dense_trunk.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "obverse/core/table.h"
#include "obverse/layers/trace.h"

namespace obverse {

void DenseOptions::describe(Fields& f) {
  f("widths", widths, "hidden layers, from input to output", {1, 65536});
  f("activation", activation, "after each hidden layer", names(activation_table()));
  f("batch_norm", batch_norm, "normalise hidden layers over the batch");
  f("norm_from", norm_from, "the first hidden layer that batch_norm is for, counted from 0", {0, 1000});
  f("norm_gain", norm_gain, "batch_norm learns a gain and a bias for each number");
  f("spectral_norm", spectral_norm, "divide each weight by its largest singular value");
  f("init_std", init_std, "standard deviation of initial weights; 0: He's, by fan-in", kNotNegative);
  f("bias_spread", bias_spread,
    "initial biases are uniform within +- this / sqrt(inputs), so that layers bend away from the origin; 0: zero",
    kNotNegative);
  f("identity_layers", identity_layers,
    "the last so many hidden layers start as the identity, so that the network starts shallow and learns to be deep",
    {0, 64});
  f("repeat_input", repeat_input,
    "every hidden layer sees the input beside the layer before, as Donahue 2017's generator does its code");
  if (repeat_input && identity_layers > 0)
    f.problem("identity_layers", "layers that see the input too (repeat_input) cannot start as the identity");
  f("frequencies", frequencies,
    "sines and cosines of so many random projections beside the input, to resolve fine detail; 0: none", {0, 65536});
  f("max_frequency", max_frequency, "longest projection, radians a unit of input; lengths are log-uniform from 1",
    kPositive);
}

LayerOptions DenseOptions::last_layer() const {
  return {true, init_std > 0 ? Init::normal(init_std) : Init::he(1), spectral_norm};
}

DenseTrunk::DenseTrunk(const DenseOptions& options, int64_t inputs, Rng& rng)
    : activation_(find_row(activation_table(), "activation", options.activation)) {
  if (options.frequencies > 0) {
    frequencies_ = child("frequencies",
                         std::make_shared<FourierFeatures>(inputs, options.frequencies, options.max_frequency, rng));
    inputs += 2 * options.frequencies;
  }
  repeat_input_ = options.repeat_input;
  const int64_t first_inputs = inputs;
  const Init init = options.init_std > 0 ? Init::normal(options.init_std) : Init::he();
  for (const int64_t width : options.widths) {
    const auto place = static_cast<int64_t>(layers_.size());
    const std::string index = std::to_string(place);
    const bool normalise = options.batch_norm && place >= options.norm_from;
    const bool identity = static_cast<int64_t>(options.widths.size()) - place <= options.identity_layers;
    const LayerOptions layer{!normalise, identity ? Init::identity() : init, options.spectral_norm,
                             options.bias_spread};
    layers_.push_back(child("linear" + index, std::make_shared<Linear>(inputs, width, rng, layer)));
    norms_.push_back(normalise ? child("norm" + index, std::make_shared<BatchNorm>(width, 0, 0.1, options.norm_gain))
                               : nullptr);
    mixes_samples_ |= normalise;
    inputs = width + (repeat_input_ ? first_inputs : 0);
    widest_ = std::max(widest_, width);
  }
  outputs_ = options.widths.empty() ? inputs : options.widths.back();
  spectral_norm_ = options.spectral_norm;
  if (!mixes_samples_ && !options.spectral_norm && !repeat_input_) dense_ = activation_.negative_slope;
}

std::vector<at::Tensor> DenseTrunk::first_weights() const {
  if (frequencies_ || layers_.empty()) return {};
  return {layers_[0]->weight()};
}

std::optional<DenseStack> DenseTrunk::with(const Linear& last) const {
  const at::Tensor& w = last.weight();
  if (Trace::on()) return {};  // it wants to know of every layer
  if (!dense_ || w.scalar_type() != at::kFloat || !w.device().is_cpu()) return {};
  constexpr int64_t kSmall = 256;
  if (placement().compute != at::kFloat && widest_ > kSmall) return {};
  DenseStack stack{frequencies_ ? frequencies_->weight() : at::Tensor(), {}, {}, *dense_};
  for (const auto& layer : layers_) stack.weights.push_back(layer->weight()), stack.biases.push_back(layer->bias());
  stack.weights.push_back(last.weight());
  stack.biases.push_back(last.bias());
  return stack;
}

std::optional<DenseLayers> DenseTrunk::numbers_with(const Linear& last) const {
  if (mixes_samples_ || spectral_norm_ || frequencies_ || repeat_input_) return {};
  DenseLayers result;
  for (const auto& layer : layers_) result.weights.push_back(layer->weight()), result.biases.push_back(layer->bias());
  result.weights.push_back(last.weight());
  result.biases.push_back(last.bias());
  result.activation = activation_.name;
  return result;
}

at::Tensor DenseTrunk::forward(at::Tensor x) {
  if (frequencies_) x = frequencies_->forward(x);
  const at::Tensor input = x;
  for (size_t i = 0; i < layers_.size(); ++i) {
    x = layers_[i]->forward(repeat_input_ && i > 0 ? at::cat({x, input}, 1) : x);
    x = norms_[i] ? norms_[i]->forward(x, {}, activation_) : activation_.apply(x);
  }
  return x;
}

}  // namespace obverse
