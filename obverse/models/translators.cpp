#include "obverse/models/translators.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "obverse/layers/convolution.h"
#include "obverse/layers/image_norm.h"
#include "obverse/models/zoo.h"

namespace obverse {
namespace {

const LayerOptions kLayer{true, Init::normal(0.02)};

std::shared_ptr<Conv2d> conv(int64_t inputs, int64_t outputs, int64_t kernel, int64_t stride, int64_t padding,
                             Rng& rng) {
  return std::make_shared<Conv2d>(inputs, outputs, rng, ConvOptions{kLayer, kernel, stride, padding, 1});
}

struct ResnetOptions : Options {
  int64_t width = 64;
  int64_t blocks = 6;
  int64_t halvings = 2;
  void describe(Fields& f) override {
    f("width", width, "channels at full size; they double with each halving", {1, 1024});
    f("blocks", blocks, "residual blocks at the smallest size: 6 for 128 pixels and fewer, 9 for more", {0, 64});
    f("halvings", halvings, "of the size before the blocks", {0, 6});
  }
};

struct UnetOptions : Options {
  int64_t width = 64;
  int64_t depth = 5;
  void describe(Fields& f) override {
    f("width", width, "channels after the first halving; they double with each, up to eight times as many", {1, 1024});
    f("depth", depth, "halvings of the size", {1, 12});
  }
};

struct PatchOptions : Options {
  int64_t width = 64;
  int64_t layers = 3;
  void describe(Fields& f) override {
    f("width", width, "channels after the first convolution; they double with each, up to eight times as many",
      {1, 1024});
    f("layers", layers, "halvings; a logit sees 16, 34, 70 or 142 pixels with 1 to 4", {1, 6});
  }
};

void need_halvings(const char* architecture, const NetworkShape& shape, int64_t halvings, const char* key) {
  need_images(architecture, shape);
  std::vector<int64_t> size = shape.domain.shape;
  for (int64_t i = 0; i < halvings; ++i) {
    need_even_sides(architecture, size, key);
    size[1] /= 2, size[2] /= 2;
  }
}

/// x + norm(conv(relu(norm(conv(x))))).
class ResidualBlock : public Module {
 public:
  ResidualBlock(int64_t channels, Rng& rng) {
    conv0_ = child("conv0", conv(channels, channels, 3, 1, 0, rng));
    conv1_ = child("conv1", conv(channels, channels, 3, 1, 0, rng));
  }
  at::Tensor forward(const at::Tensor& x) {
    const at::Tensor h = at::relu(instance_norm(conv0_->forward(mirror_pad(x, 1))));
    return x + instance_norm(conv1_->forward(mirror_pad(h, 1)));
  }

 private:
  std::shared_ptr<Conv2d> conv0_, conv1_;
};

class ResnetTranslator : public Translator {
 public:
  ResnetTranslator(const ResnetOptions& o, const NetworkShape& shape, Rng& rng) {
    need_halvings("resnet", shape, o.halvings, "halvings");
    const int64_t smallest = std::min(shape.domain.shape[1], shape.domain.shape[2]) >> o.halvings;
    if (smallest < 2) fail("resnet: {} halvings leave images of {} pixels: lower `halvings`", o.halvings, smallest);
    int64_t channels = o.width;
    in_ = child("in", conv(shape.domain.shape[0], channels, 7, 1, 0, rng));
    for (int64_t i = 0; i < o.halvings; ++i, channels *= 2)
      downs_.push_back(child("down" + std::to_string(i), conv(channels, 2 * channels, 3, 2, 1, rng)));
    for (int64_t i = 0; i < o.blocks; ++i)
      blocks_.push_back(child("block" + std::to_string(i), std::make_shared<ResidualBlock>(channels, rng)));
    for (int64_t i = 0; i < o.halvings; ++i, channels /= 2)
      ups_.push_back(
          child("up" + std::to_string(i),
                std::make_shared<TransposedConv2d>(channels, channels / 2, rng, ConvOptions{kLayer, 3, 2, 1, 1})));
    out_ = child("out", conv(channels, shape.domain.shape[0], 7, 1, 0, rng));
  }
  at::Tensor forward(const at::Tensor& image) override {
    at::Tensor x = at::relu(instance_norm(in_->forward(mirror_pad(image, 3))));
    for (const auto& down : downs_) x = at::relu(instance_norm(down->forward(x)));
    for (const auto& block : blocks_) x = block->forward(x);
    for (const auto& up : ups_) x = at::relu(instance_norm(up->forward(x, 2 * x.size(2), 2 * x.size(3))));
    return full_precision(out_->forward(mirror_pad(x, 3))).tanh();
  }

 private:
  std::shared_ptr<Conv2d> in_, out_;
  std::vector<std::shared_ptr<Conv2d>> downs_;
  std::vector<std::shared_ptr<ResidualBlock>> blocks_;
  std::vector<std::shared_ptr<TransposedConv2d>> ups_;
};

class UnetTranslator : public Translator {
 public:
  UnetTranslator(const UnetOptions& o, const NetworkShape& shape, Rng& rng) {
    need_halvings("unet", shape, o.depth, "depth");
    const auto channels = [&](int64_t level) { return o.width * std::min<int64_t>(8, int64_t{1} << level); };
    for (int64_t i = 0; i < o.depth; ++i)
      downs_.push_back(child("down" + std::to_string(i),
                             conv(i == 0 ? shape.domain.shape[0] : channels(i - 1), channels(i), 4, 2, 1, rng)));
    for (int64_t i = o.depth - 1; i >= 0; --i) {  // inputs: the level below and, but for the innermost, what skipped it
      const int64_t inputs = channels(i) * (i == o.depth - 1 ? 1 : 2);
      const int64_t outputs = i == 0 ? shape.domain.shape[0] : channels(i - 1);
      ups_.push_back(child("up" + std::to_string(i),
                           std::make_shared<TransposedConv2d>(inputs, outputs, rng, ConvOptions{kLayer, 4, 2, 1, 1})));
    }
  }
  at::Tensor forward(const at::Tensor& image) override {
    std::vector<at::Tensor> levels;
    at::Tensor x = image;
    for (size_t i = 0; i < downs_.size(); ++i) {
      x = downs_[i]->forward(i == 0 ? x : at::leaky_relu(x, 0.2));
      if (i > 0 && i + 1 < downs_.size()) x = instance_norm(x);
      levels.push_back(x);
    }
    for (size_t k = 0; k < ups_.size(); ++k) {
      if (k > 0) x = at::cat({levels[levels.size() - 1 - k], x}, 1);
      x = ups_[k]->forward(at::relu(x), 2 * x.size(2), 2 * x.size(3));
      if (k + 1 < ups_.size()) x = instance_norm(x);
    }
    return full_precision(x).tanh();
  }

 private:
  std::vector<std::shared_ptr<Conv2d>> downs_;
  std::vector<std::shared_ptr<TransposedConv2d>> ups_;
};

class PatchGan : public PatchDiscriminator {
 public:
  PatchGan(const PatchOptions& o, const NetworkShape& shape, Rng& rng) {
    need_images("patchgan", shape);
    const int64_t smallest = std::min(shape.domain.shape[1], shape.domain.shape[2]) >> o.layers;
    if (smallest < 3) fail("patchgan: {} layers leave no patch of images this small: lower `layers`", o.layers);
    int64_t inputs = shape.domain.shape[0];
    for (int64_t i = 0; i <= o.layers; ++i) {
      const int64_t outputs = o.width * std::min<int64_t>(8, int64_t{1} << i);
      convs_.push_back(child("conv" + std::to_string(i), conv(inputs, outputs, 4, i < o.layers ? 2 : 1, 1, rng)));
      inputs = outputs;
    }
    out_ = child("out", conv(inputs, 1, 4, 1, 1, rng));
  }
  at::Tensor forward(const at::Tensor& image) override {
    at::Tensor x = image;
    for (size_t i = 0; i < convs_.size(); ++i) {
      x = convs_[i]->forward(x);
      x = at::leaky_relu(i == 0 ? x : instance_norm(x), 0.2);
    }
    return full_precision(out_->forward(x)).squeeze(1);
  }

 private:
  std::vector<std::shared_ptr<Conv2d>> convs_;
  std::shared_ptr<Conv2d> out_;
};

}  // namespace

const std::vector<NetworkRow<Translator>>& translator_table() {
  static const std::vector<NetworkRow<Translator>> table = {
      network_row<Translator, ResnetTranslator, ResnetOptions>(
          "resnet", "residual blocks between strided convolutions, instance norm; Johnson 2016, Zhu 2017 (CycleGAN)"),
      network_row<Translator, UnetTranslator, UnetOptions>(
          "unet", "an encoder and decoder with skip connections at every size; Isola 2017 (pix2pix)"),
  };
  return table;
}

const std::vector<NetworkRow<PatchDiscriminator>>& patch_discriminator_table() {
  static const std::vector<NetworkRow<PatchDiscriminator>> table = {
      network_row<PatchDiscriminator, PatchGan, PatchOptions>("patchgan",
                                                              "a logit for each patch of 70x70; Isola 2017 (pix2pix)"),
  };
  return table;
}

}  // namespace obverse
