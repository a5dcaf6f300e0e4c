#include <ATen/ATen.h>

#include <cmath>

#include "obverse/core/autograd.h"
#include "obverse/layers/activation.h"
#include "obverse/layers/minibatch_std.h"
#include "obverse/layers/modulated_convolution.h"
#include "obverse/layers/resample.h"
#include "obverse/models/heads.h"
#include "obverse/models/zoo.h"

namespace obverse {
namespace {

struct GeneratorOptions : Options {
  std::vector<int64_t> channels = {128, 128, 64};
  int64_t w_dim = 128;
  int64_t mapping_layers = 8;
  double mapping_lr = 0.01;
  void describe(Fields& f) override {
    f("channels", channels, "of each block, the smallest resolution first; each block but the first doubles the size",
      {1, 8192});
    f("w_dim", w_dim, "numbers of the intermediate code w", {1, 8192});
    f("mapping_layers", mapping_layers, "of the network from z to w", {1, 64});
    f("mapping_lr", mapping_lr, "its step size, as a share of the others'", kPositive);
  }
};

struct DiscriminatorOptions : Options {
  std::vector<int64_t> channels = {64, 128, 128};
  int64_t minibatch_group = 4;
  LogitHeadOptions head;
  void describe(Fields& f) override {
    f("channels", channels, "of each block, the largest resolution first; each block but the last halves the size",
      {1, 8192});
    f("minibatch_group", minibatch_group, "samples of whose deviation D is told; 0: none", {0, 4096});
    head.describe(f);
  }
};

constexpr double kSlope = 0.2;
const double kGain = std::sqrt(2.0);  // what a leaky ReLU takes of the standard deviation

at::Tensor bent(const at::Tensor& x) {
  static const Activation& leaky = find_row(activation_table(), "activation", "leaky_relu");
  return leaky.apply(x) * kGain;
}

/// Sides of the smallest block. Throws UserError when the image does not halve that often.
std::pair<int64_t, int64_t> base_size(const std::vector<int64_t>& channels, const NetworkShape& shape) {
  need_images("stylegan2", shape);
  if (channels.empty()) fail("stylegan2: `channels` is empty: name at least one block");
  std::vector<int64_t> size = shape.domain.shape;
  for (size_t i = 1; i < channels.size(); ++i) {
    need_even_sides("stylegan2", size, "channels");
    size[1] /= 2, size[2] /= 2;
  }
  return {size[1], size[2]};
}

/// Codes, and labels where there are any, to w: both brought to unit mean square, then dense layers.
class Mapping : public Module {
 public:
  Mapping(const GeneratorOptions& o, const NetworkShape& shape, Rng& rng) {
    if (shape.classes > 0)
      label_ = child("label",
                     std::make_shared<Embedding>(shape.classes, o.w_dim, rng, LayerOptions{false, Init::normal(1)}));
    int64_t inputs = shape.z_dim + (label_ ? o.w_dim : 0);
    for (int64_t i = 0; i < o.mapping_layers; ++i) {
      layers_.push_back(
          child("layer" + std::to_string(i), std::make_shared<EqualisedLinear>(inputs, o.w_dim, rng, 1, o.mapping_lr)));
      inputs = o.w_dim;
    }
    buffer("mean", mean_, at::zeros({o.w_dim}));
  }
  at::Tensor forward(const at::Tensor& z, const at::Tensor& y) {
    at::Tensor w = pixel_norm(z);
    if (label_) w = at::cat({w, pixel_norm(label_->forward(y))}, 1);
    for (const auto& layer : layers_) w = bent(layer->forward(w));
    constexpr double kStays = 0.995;
    if (tracking()) without_grad([&] { return mean_.lerp_(w.mean(0), 1 - kStays); });
    return w;
  }
  const at::Tensor& mean() const { return mean_; }

 private:
  std::shared_ptr<Embedding> label_;
  std::vector<std::shared_ptr<EqualisedLinear>> layers_;
  at::Tensor mean_;  // [w_dim]: of w, moving
};

/// Modulated convolution, noise of a learned strength, bias, leaky ReLU.
class StyledLayer : public Module {
 public:
  StyledLayer(int64_t inputs, int64_t outputs, int64_t w_dim, int64_t height, int64_t width, Rng& rng) {
    conv_ = child("conv", std::make_shared<ModulatedConv2d>(inputs, outputs, 3, w_dim, true, rng));
    parameter("bias", bias_, at::zeros({outputs, 1, 1}));
    parameter("noise_strength", strength_, at::zeros({}));
    buffer("noise", noise_, rng.normal({1, 1, height, width}));
  }
  at::Tensor forward(const at::Tensor& x, const at::Tensor& w, Rng* rng) {
    const at::Tensor y = conv_->forward(x, w);
    const at::Tensor noise = rng ? rng->normal({y.size(0), 1, y.size(2), y.size(3)}).to(noise_.scalar_type()) : noise_;
    return bent(y + (noise * strength_ + bias_).to(y.scalar_type()));
  }

  const at::Tensor& style_weight() const { return conv_->style_weight(); }

 private:
  std::shared_ptr<ModulatedConv2d> conv_;
  at::Tensor bias_, strength_;  // [outputs, 1, 1], []
  at::Tensor noise_;            // [1, 1, H, W]: where none is drawn
};

/// One resolution: layers, and what it adds to the image (skip connections, figure 7).
class Block : public Module {
 public:
  Block(int64_t inputs, int64_t outputs, int64_t image_channels, int64_t w_dim, int64_t height, int64_t width, Rng& rng)
      : doubles_(inputs > 0) {
    if (doubles_) conv0_ = child("conv0", std::make_shared<StyledLayer>(inputs, outputs, w_dim, height, width, rng));
    conv1_ = child("conv1", std::make_shared<StyledLayer>(outputs, outputs, w_dim, height, width, rng));
    rgb_ = child("rgb", std::make_shared<ModulatedConv2d>(outputs, image_channels, 1, w_dim, false, rng));
    parameter("rgb_bias", rgb_bias_, at::zeros({image_channels, 1, 1}));
  }
  int64_t layers() const { return doubles_ ? 2 : 1; }
  void add_style_weights(std::vector<at::Tensor>& weights) const {
    if (doubles_) weights.push_back(conv0_->style_weight());
    weights.push_back(conv1_->style_weight());
  }
  /// ws: [N, layers, w_dim] from this block's first layer on; its image takes the style after its layers'.
  void forward(at::Tensor& x, at::Tensor& image, const at::Tensor& ws, Rng* rng) {
    if (doubles_) x = conv0_->forward(upsample_centred(x), ws.select(1, 0), rng);
    x = conv1_->forward(x, ws.select(1, layers() - 1), rng);
    const at::Tensor more = full_precision(rgb_->forward(x, ws.select(1, layers()))) + rgb_bias_;
    image = image.defined() ? upsample_centred(image) + more : more;
  }

 private:
  bool doubles_;
  std::shared_ptr<StyledLayer> conv0_, conv1_;
  std::shared_ptr<ModulatedConv2d> rgb_;
  at::Tensor rgb_bias_;
};

class Stylegan2Generator : public StyleGenerator {
 public:
  Stylegan2Generator(const GeneratorOptions& o, const NetworkShape& shape, Rng& rng) {
    auto [height, width] = base_size(o.channels, shape);
    mapping_ = child("mapping", std::make_shared<Mapping>(o, shape, rng));
    parameter("constant", constant_, rng.normal({1, o.channels[0], height, width}));
    for (size_t i = 0; i < o.channels.size(); ++i) {
      blocks_.push_back(child("block" + std::to_string(i),
                              std::make_shared<Block>(i == 0 ? 0 : o.channels[i - 1], o.channels[i],
                                                      shape.domain.shape[0], o.w_dim, height, width, rng)));
      layers_ += blocks_.back()->layers();
      height *= 2, width *= 2;
    }
  }
  int64_t layers() const override { return layers_ + 1; }  // and the last block's image
  at::Tensor map(const at::Tensor& z, const at::Tensor& y) override { return mapping_->forward(z, y); }
  const at::Tensor& mean_w() const override { return mapping_->mean(); }
  std::vector<at::Tensor> code_weights() const override {
    std::vector<at::Tensor> weights;
    for (const auto& block : blocks_) block->add_style_weights(weights);
    return weights;
  }
  void draw_noise_from(Rng* rng) override { rng_ = rng; }
  at::Tensor synthesise(const at::Tensor& ws) override {
    at::Tensor x = constant_.expand({ws.size(0), -1, -1, -1}).to(placement().compute), image;
    x = x.contiguous(placement().memory_format);
    int64_t first = 0;
    for (const auto& block : blocks_) {
      block->forward(x, image, ws.slice(1, first), rng_);
      first += block->layers();
    }
    return image;
  }

 private:
  std::shared_ptr<Mapping> mapping_;
  at::Tensor constant_;  // [1, C, h, w]
  std::vector<std::shared_ptr<Block>> blocks_;
  int64_t layers_ = 0;
  Rng* rng_ = nullptr;
};

/// (conv3x3(conv3x3(x)), halved, + conv1x1(x halved)) / sqrt 2.
class DownBlock : public Module {
 public:
  DownBlock(int64_t inputs, int64_t outputs, Rng& rng) {
    conv0_ =
        child("conv0", std::make_shared<EqualisedConv2d>(inputs, inputs, rng, EqualisedConv2d::Shape{}, 1, kSlope));
    conv1_ = child("conv1", std::make_shared<EqualisedConv2d>(inputs, outputs, rng,
                                                              EqualisedConv2d::Shape{3, 2, 0, true}, 1, kSlope));
    skip_ =
        child("skip", std::make_shared<EqualisedConv2d>(inputs, outputs, rng, EqualisedConv2d::Shape{1, 1, 0, false}));
  }
  at::Tensor forward(const at::Tensor& x) {
    const at::Tensor h = conv1_->forward(blur_centred(conv0_->forward(x) * kGain));
    return h + skip_->forward(downsample_centred(x)) * std::sqrt(0.5);  // h kGain / sqrt 2 is h
  }

 private:
  std::shared_ptr<EqualisedConv2d> conv0_, conv1_, skip_;
};

class Stylegan2Discriminator : public Discriminator {
 public:
  Stylegan2Discriminator(const DiscriminatorOptions& o, const NetworkShape& shape, Rng& rng)
      : group_(o.minibatch_group), mixes_samples_(o.minibatch_group > 0 || o.head.mixes_samples()) {
    const auto [height, width] = base_size(o.channels, shape);
    const auto conv = [&](int64_t inputs, int64_t outputs, int64_t kernel) {
      const EqualisedConv2d::Shape same{kernel, 1, kernel / 2, true};
      return std::make_shared<EqualisedConv2d>(inputs, outputs, rng, same, 1, kSlope);
    };
    in_ = child("in", conv(shape.domain.shape[0], o.channels[0], 1));
    for (size_t i = 1; i < o.channels.size(); ++i)
      blocks_.push_back(
          child("block" + std::to_string(i - 1), std::make_shared<DownBlock>(o.channels[i - 1], o.channels[i], rng)));
    const int64_t last = o.channels.back();
    conv_ = child("conv", conv(last + (group_ > 0 ? 1 : 0), last, 3));
    dense_ = child("dense", std::make_shared<EqualisedLinear>(last * height * width, last, rng));
    head_ =
        child("head", std::make_shared<LogitHead>(last, shape.classes, rng, LayerOptions{true, Init::he(1)}, o.head));
  }
  at::Tensor features(const at::Tensor& image) override {
    at::Tensor x = in_->forward(image) * kGain;
    for (const auto& block : blocks_) x = block->forward(x);
    if (group_ > 0) x = append_minibatch_std(x, group_);
    x = full_precision(conv_->forward(x)) * kGain;
    return bent(dense_->forward(x.permute({0, 2, 3, 1}).flatten(1)));
  }
  at::Tensor head(const at::Tensor& h, const at::Tensor& y) override { return head_->forward(h, y); }
  bool classifies() const override { return head_->classifies(); }
  at::Tensor class_logits(const at::Tensor& h) override { return head_->class_logits(h); }
  bool mixes_samples() const override { return mixes_samples_; }

 private:
  int64_t group_;
  bool mixes_samples_;
  std::shared_ptr<EqualisedConv2d> in_, conv_;
  std::vector<std::shared_ptr<DownBlock>> blocks_;
  std::shared_ptr<EqualisedLinear> dense_;
  std::shared_ptr<LogitHead> head_;
};

constexpr const char* kSource =
    "styles modulate convolutions, skip connections in G, residual D; Karras 2020 (StyleGAN2)";

}  // namespace

NetworkRow<Generator> stylegan2_generator() {
  return network_row<Generator, Stylegan2Generator, GeneratorOptions>("stylegan2", kSource);
}
NetworkRow<Discriminator> stylegan2_discriminator() {
  return network_row<Discriminator, Stylegan2Discriminator, DiscriminatorOptions>("stylegan2", kSource);
}

}  // namespace obverse
