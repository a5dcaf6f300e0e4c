#include <ATen/ATen.h>

#include <algorithm>
#include <optional>

#include "obverse/layers/activation.h"
#include "obverse/layers/batch_norm.h"
#include "obverse/layers/dense_stack.h"
#include "obverse/layers/fourier_features.h"
#include "obverse/models/heads.h"
#include "obverse/models/zoo.h"

namespace obverse {
namespace {

struct MlpOptions : Options {
  std::vector<int64_t> widths = {128, 128, 128};
  std::string activation = "leaky_relu";
  bool batch_norm = false;
  bool spectral_norm = false;
  double bias_spread = 0;
  int64_t identity_layers = 0;
  int64_t frequencies = 0;
  double max_frequency = 100;
  double scale = 1;
  void describe(Fields& f) override {
    f("widths", widths, "hidden layers, from input to output", {1, 65536});
    f("activation", activation, "after each hidden layer", names(activation_table()));
    f("batch_norm", batch_norm, "normalise each hidden layer over the batch");
    f("spectral_norm", spectral_norm, "divide each weight by its largest singular value");
    f("bias_spread", bias_spread,
      "initial biases are uniform within +- this / sqrt(inputs), so that layers bend away from the origin; 0: zero",
      kNotNegative);
    f("identity_layers", identity_layers,
      "the last so many hidden layers start as the identity, so that the network starts shallow and learns to be deep",
      {0, 64});
    f("frequencies", frequencies,
      "sines and cosines of so many random projections beside the input, to resolve fine detail; 0: none", {0, 65536});
    f("max_frequency", max_frequency, "longest projection, radians a unit of input; lengths are log-uniform from 1",
      kPositive);
    f("scale", scale, "the network's unit of data: what comes in is divided by it, what goes out multiplied",
      kPositive);
  }
};

int64_t numbers(const Domain& domain) {
  int64_t result = 1;
  for (const int64_t size : domain.shape) result *= size;
  return result;
}

/// Fourier features where asked for; hidden layers: linear, batch norm where asked for, activation.
class Trunk : public Module {
 public:
  Trunk(const MlpOptions& options, int64_t inputs, Rng& rng)
      : activation_(find_row(activation_table(), "activation", options.activation)) {
    if (options.frequencies > 0) {
      frequencies_ = child("frequencies",
                           std::make_shared<FourierFeatures>(inputs, options.frequencies, options.max_frequency, rng));
      inputs += 2 * options.frequencies;
    }
    LayerOptions layer{!options.batch_norm, Init::he(), options.spectral_norm, options.bias_spread};
    for (const int64_t width : options.widths) {
      const std::string index = std::to_string(layers_.size());
      const auto after = static_cast<int64_t>(options.widths.size() - layers_.size()) - 1;
      if (after < options.identity_layers) layer.init = Init::identity();
      layers_.push_back(child("linear" + index, std::make_shared<Linear>(inputs, width, rng, layer)));
      if (options.batch_norm) norms_.push_back(child("norm" + index, std::make_shared<BatchNorm>(width)));
      inputs = width;
      widest_ = std::max(widest_, width);
    }
    outputs_ = inputs;
    if (!options.batch_norm && !options.spectral_norm) dense_ = activation_.negative_slope;
  }
  int64_t outputs() const { return outputs_; }
  /// These layers and `last` as one operation in float32, where they are nothing but dense layers and small: there
  /// bfloat16 saves nothing.
  std::optional<DenseStack> with(const Linear& last) const {
    const at::Tensor& w = last.weight();
    if (!dense_ || w.scalar_type() != at::kFloat || !w.device().is_cpu()) return {};
    constexpr int64_t kSmall = 256;
    if (placement().compute != at::kFloat && widest_ > kSmall) return {};
    DenseStack stack{frequencies_ ? frequencies_->weight() : at::Tensor(), {}, {}, *dense_};
    for (const auto& layer : layers_) stack.weights.push_back(layer->weight()), stack.biases.push_back(layer->bias());
    stack.weights.push_back(last.weight());
    stack.biases.push_back(last.bias());
    return stack;
  }
  at::Tensor forward(at::Tensor x) {  // [N, inputs] -> [N, outputs]
    if (frequencies_) x = frequencies_->forward(x);
    for (size_t i = 0; i < layers_.size(); ++i) {
      x = layers_[i]->forward(x);
      x = norms_.empty() ? activation_.apply(x) : norms_[i]->forward(x, {}, activation_);
    }
    return x;
  }

 private:
  Activation activation_;
  std::optional<double> dense_;  // the activation's negative slope, where the trunk is nothing but dense layers
  int64_t outputs_ = 0, widest_ = 0;
  std::shared_ptr<FourierFeatures> frequencies_;
  std::vector<std::shared_ptr<Linear>> layers_;
  std::vector<std::shared_ptr<BatchNorm>> norms_;
};

class MlpGenerator : public Generator {
 public:
  MlpGenerator(const MlpOptions& options, const NetworkShape& shape, Rng& rng)
      : domain_(shape.domain), scale_(options.scale) {
    code_ = child("code", std::make_shared<LabelledCode>(shape.z_dim, shape.classes, shape.classes, rng));
    trunk_ = child("trunk", std::make_shared<Trunk>(options, code_->size(), rng));
    out_ = child("out", std::make_shared<Linear>(trunk_->outputs(), numbers(domain_), rng,
                                                 LayerOptions{true, Init::he(1), options.spectral_norm}));
  }
  at::Tensor forward(const at::Tensor& z, const at::Tensor& y) override {
    const at::Tensor code = code_->forward(z, y);
    const std::optional<DenseStack> stack = trunk_->with(*out_);
    const at::Tensor x = stack ? dense_stack(*stack, code) : full_precision(out_->forward(trunk_->forward(code)));
    if (domain_.kind == Domain::Kind::points) return x * scale_;
    std::vector<int64_t> sizes = domain_.shape;
    sizes.insert(sizes.begin(), x.size(0));
    return x.tanh().view(sizes);
  }

 private:
  Domain domain_;
  double scale_;
  std::shared_ptr<LabelledCode> code_;
  std::shared_ptr<Trunk> trunk_;
  std::shared_ptr<Linear> out_;
};

class MlpDiscriminator : public Discriminator {
 public:
  MlpDiscriminator(const MlpOptions& options, const NetworkShape& shape, Rng& rng)
      : scale_(options.scale), mixes_samples_(options.batch_norm), labelled_(shape.classes > 0) {
    trunk_ = child("trunk", std::make_shared<Trunk>(options, numbers(shape.domain), rng));
    head_ = child("head", std::make_shared<LogitHead>(trunk_->outputs(), shape.classes, rng,
                                                      LayerOptions{true, Init::he(1), options.spectral_norm}));
  }
  at::Tensor features(const at::Tensor& x) override { return full_precision(trunk_->forward(scaled(x))); }
  at::Tensor head(const at::Tensor& h, const at::Tensor& y) override { return head_->forward(h, y); }
  at::Tensor forward(const at::Tensor& x, const at::Tensor& y) override {
    const std::optional<DenseStack> stack = as_stack();
    return stack ? dense_stack(*stack, scaled(x)).squeeze(1) : Discriminator::forward(x, y);
  }
  std::pair<at::Tensor, at::Tensor> forward_with_gradient(const at::Tensor& x, const at::Tensor& y) override {
    const std::optional<DenseStack> stack = as_stack();
    if (!stack) return Discriminator::forward_with_gradient(x, y);
    const auto [logits, slope] = dense_stack_with_gradient(*stack, scaled(x));
    return {logits.squeeze(1), (scale_ == 1 ? slope : slope / scale_).view(x.sizes())};
  }
  bool mixes_samples() const override { return mixes_samples_; }

 private:
  std::optional<DenseStack> as_stack() const { return labelled_ ? std::nullopt : trunk_->with(head_->linear()); }
  at::Tensor scaled(const at::Tensor& x) const { return scale_ == 1 ? x.flatten(1) : x.flatten(1) / scale_; }

  double scale_;
  bool mixes_samples_, labelled_;
  std::shared_ptr<Trunk> trunk_;
  std::shared_ptr<LogitHead> head_;
};

class MlpEncoder : public Encoder {
 public:
  MlpEncoder(const MlpOptions& options, const NetworkShape& shape, Rng& rng) : scale_(options.scale) {
    trunk_ = child("trunk", std::make_shared<Trunk>(options, numbers(shape.domain), rng));
    head_ = child("head", std::make_shared<CodeHead>(trunk_->outputs(), shape.z_dim, shape.classes, rng,
                                                     LayerOptions{true, Init::he(1), options.spectral_norm}));
  }
  at::Tensor forward(const at::Tensor& x, const at::Tensor& y) override {
    return head_->forward(full_precision(trunk_->forward(x.flatten(1) / scale_)), y);
  }

 private:
  double scale_;
  std::shared_ptr<Trunk> trunk_;
  std::shared_ptr<CodeHead> head_;
};

constexpr const char* kSource = "multilayer perceptron on points or flattened images; Goodfellow 2014";

}  // namespace

NetworkRow<Generator> mlp_generator() { return network_row<Generator, MlpGenerator, MlpOptions>("mlp", kSource); }
NetworkRow<Discriminator> mlp_discriminator() {
  return network_row<Discriminator, MlpDiscriminator, MlpOptions>("mlp", kSource);
}
NetworkRow<Encoder> mlp_encoder() { return network_row<Encoder, MlpEncoder, MlpOptions>("mlp", kSource); }

}  // namespace obverse
