#include <ATen/ATen.h>

#include <algorithm>

#include "obverse/layers/attention.h"
#include "obverse/layers/batch_norm.h"
#include "obverse/layers/convolution.h"
#include "obverse/layers/resample.h"
#include "obverse/models/heads.h"
#include "obverse/models/zoo.h"

namespace obverse {
namespace {

struct GeneratorOptions : Options {
  std::vector<int64_t> channels = {128, 128};
  bool spectral_norm = false;
  int64_t attention_size = 0;
  void describe(Fields& f) override {
    f("channels", channels, "of each residual block, the smallest resolution first; each block doubles the size",
      {1, 8192});
    f("spectral_norm", spectral_norm, "divide each weight by its largest singular value");
    f("attention_size", attention_size, "height of the images after which self-attention follows; 0: none", {0, 1024});
  }
};
struct SaganGeneratorOptions : GeneratorOptions {
  SaganGeneratorOptions() {
    spectral_norm = true;
    attention_size = 14;
  }
};

struct DiscriminatorOptions : Options {
  std::vector<int64_t> channels = {64, 128, 128};
  int64_t halvings = 2;
  bool spectral_norm = true;
  int64_t attention_size = 0;
  LogitHeadOptions head;
  void describe(Fields& f) override {
    f("channels", channels, "of each residual block, the largest resolution first", {1, 8192});
    f("halvings", halvings, "the first so many blocks halve the size", {1, 16});
    f("spectral_norm", spectral_norm, "divide each weight by its largest singular value");
    f("attention_size", attention_size, "height of the images after which self-attention follows; 0: none", {0, 1024});
    head.describe(f);
    if (halvings > static_cast<int64_t>(channels.size()))
      f.problem("halvings", "more than there are blocks in `channels`");
  }
};
struct SaganDiscriminatorOptions : DiscriminatorOptions {
  SaganDiscriminatorOptions() { attention_size = 14; }
};

LayerOptions layer(bool spectral_norm, double slope = 0) { return {true, Init::he(slope), spectral_norm}; }

std::shared_ptr<Conv2d> conv(int64_t inputs, int64_t outputs, int64_t kernel, const LayerOptions& o, Rng& rng) {
  return std::make_shared<Conv2d>(inputs, outputs, rng, ConvOptions{o, kernel, 1, kernel / 2, 1});
}

const Activation& relu() { return find_row(activation_table(), "activation", "relu"); }

at::Tensor halved(const at::Tensor& x) { return at::avg_pool2d(x, 2); }

/// The image's sides after `halvings`. Throws UserError when they do not halve that often.
std::pair<int64_t, int64_t> base_size(const NetworkShape& shape, int64_t halvings, const char* key) {
  need_images("sngan", shape);
  std::vector<int64_t> size = shape.domain.shape;
  for (int64_t i = 0; i < halvings; ++i) {
    need_even_sides("sngan", size, key);
    size[1] /= 2, size[2] /= 2;
  }
  return {size[1], size[2]};
}

void need_attention(int64_t size, bool found) {
  if (size > 0 && !found)
    fail("sngan: no block ends at a height of {}: set attention_size to one that a block ends at, or to 0", size);
}

/// Batch norm, ReLU, doubled in size, 3x3, batch norm, ReLU, 3x3; beside it doubled and 1x1. Miyato 2018, figure 4.
class UpBlock : public Module {
 public:
  UpBlock(int64_t inputs, int64_t outputs, int64_t classes, bool spectral_norm, Rng& rng) {
    norm0_ = child("norm0", std::make_shared<BatchNorm>(inputs, classes));
    conv0_ = child("conv0", conv(inputs, outputs, 3, layer(spectral_norm), rng));
    norm1_ = child("norm1", std::make_shared<BatchNorm>(outputs, classes));
    conv1_ = child("conv1", conv(outputs, outputs, 3, layer(spectral_norm), rng));
    shortcut_ = child("shortcut", conv(inputs, outputs, 1, layer(spectral_norm, 1), rng));
  }
  at::Tensor forward(const at::Tensor& x, const at::Tensor& y) {
    const at::Tensor h = conv0_->forward(repeat_pixels(norm0_->forward(x, y, relu())));
    // A 1x1 convolution and repeated pixels may change places: it sees a quarter of the pixels.
    return conv1_->forward(norm1_->forward(h, y, relu())) + repeat_pixels(shortcut_->forward(x));
  }

 private:
  std::shared_ptr<BatchNorm> norm0_, norm1_;
  std::shared_ptr<Conv2d> conv0_, conv1_, shortcut_;
};

class SnganGenerator : public Generator {
 public:
  SnganGenerator(const GeneratorOptions& o, const NetworkShape& shape, Rng& rng) : inputs_(0) {
    if (o.channels.empty()) fail("sngan: `channels` of the generator is empty: name at least one block");
    std::tie(height_, width_) = base_size(shape, static_cast<int64_t>(o.channels.size()), "channels");
    inputs_ = o.channels.front();
    project_ = child("project",
                     std::make_shared<Linear>(shape.z_dim, inputs_ * height_ * width_, rng, layer(o.spectral_norm, 1)));
    int64_t inputs = inputs_, height = height_;
    for (size_t i = 0; i < o.channels.size(); ++i) {
      blocks_.push_back(child("block" + std::to_string(i),
                              std::make_shared<UpBlock>(inputs, o.channels[i], shape.classes, o.spectral_norm, rng)));
      inputs = o.channels[i];
      height *= 2;
      if (height != o.attention_size) continue;
      attention_ = child("attention", std::make_shared<SelfAttention>(inputs, rng, o.spectral_norm));
      attended_ = i;
    }
    need_attention(o.attention_size, attention_ != nullptr);
    norm_ = child("norm", std::make_shared<BatchNorm>(inputs));
    out_ = child("out", conv(inputs, shape.domain.shape.at(0), 3, layer(o.spectral_norm, 1), rng));
  }

  at::Tensor forward(const at::Tensor& z, const at::Tensor& y) override { return raw(z, y).tanh(); }
  bool ends_in_tanh() const override { return true; }
  at::Tensor raw(const at::Tensor& z, const at::Tensor& y) override {
    at::Tensor x = project_->forward(z).view({-1, height_, width_, inputs_}).permute({0, 3, 1, 2});
    for (size_t i = 0; i < blocks_.size(); ++i) {
      x = blocks_[i]->forward(x, y);
      if (attention_ && i == attended_) x = attention_->forward(x);
    }
    return full_precision(out_->forward(norm_->forward(x, {}, relu())));
  }

  std::vector<at::Tensor> code_weights() const override { return {project_->weight()}; }

 private:
  int64_t inputs_, height_ = 0, width_ = 0;
  size_t attended_ = 0;
  std::shared_ptr<Linear> project_;
  std::vector<std::shared_ptr<UpBlock>> blocks_;
  std::shared_ptr<SelfAttention> attention_;
  std::shared_ptr<BatchNorm> norm_;
  std::shared_ptr<Conv2d> out_;
};

/// ReLU, 3x3, ReLU, 3x3, halved; beside it 1x1 where channels or size change, halved. The first block begins without a
/// ReLU: it would cut the image.
class DownBlock : public Module {
 public:
  DownBlock(int64_t inputs, int64_t outputs, bool first, bool halve, bool spectral_norm, Rng& rng)
      : first_(first), halve_(halve) {
    conv0_ = child("conv0", conv(inputs, outputs, 3, layer(spectral_norm), rng));
    conv1_ = child("conv1", conv(outputs, outputs, 3, layer(spectral_norm), rng));
    if (halve || inputs != outputs)
      shortcut_ = child("shortcut", conv(inputs, outputs, 1, layer(spectral_norm, 1), rng));
  }
  at::Tensor forward(const at::Tensor& x) {
    at::Tensor h = conv1_->forward(conv0_->forward(first_ ? x : at::relu(x), relu()));
    if (halve_) h = halved(h);
    // The mean of four pixels and a 1x1 convolution may change places.
    const at::Tensor beside = halve_ ? halved(x) : x;
    return h + (shortcut_ ? shortcut_->forward(beside) : beside);
  }

 private:
  bool first_, halve_;
  std::shared_ptr<Conv2d> conv0_, conv1_, shortcut_;
};

class SnganDiscriminator : public Discriminator {
 public:
  SnganDiscriminator(const DiscriminatorOptions& o, const NetworkShape& shape, Rng& rng)
      : mixes_samples_(o.head.mixes_samples()) {
    if (o.channels.empty()) fail("sngan: `channels` of the discriminator is empty: name at least one block");
    base_size(shape, o.halvings, "halvings");
    int64_t inputs = shape.domain.shape.at(0), height = shape.domain.shape.at(1);
    for (size_t i = 0; i < o.channels.size(); ++i) {
      const bool halve = static_cast<int64_t>(i) < o.halvings;
      blocks_.push_back(child("block" + std::to_string(i),
                              std::make_shared<DownBlock>(inputs, o.channels[i], i == 0, halve, o.spectral_norm, rng)));
      inputs = o.channels[i];
      if (halve) height /= 2;
      if (height != o.attention_size || attention_) continue;
      attention_ = child("attention", std::make_shared<SelfAttention>(inputs, rng, o.spectral_norm));
      attended_ = i;
    }
    need_attention(o.attention_size, attention_ != nullptr);
    head_ = child("head", std::make_shared<LogitHead>(inputs, shape.classes, rng, layer(o.spectral_norm, 1), o.head));
  }
  at::Tensor features(const at::Tensor& image) override {
    at::Tensor x = image;
    for (size_t i = 0; i < blocks_.size(); ++i) {
      x = blocks_[i]->forward(x);
      if (attention_ && i == attended_) x = attention_->forward(x);
    }
    return full_precision(at::relu(x)).sum({2, 3});
  }
  at::Tensor head(const at::Tensor& h, const at::Tensor& y) override { return head_->forward(h, y); }
  bool classifies() const override { return head_->classifies(); }
  at::Tensor class_logits(const at::Tensor& h) override { return head_->class_logits(h); }
  bool mixes_samples() const override { return mixes_samples_; }
  bool homogeneous() const override { return !mixes_samples_ && !attention_; }

 private:
  bool mixes_samples_;
  size_t attended_ = 0;
  std::vector<std::shared_ptr<DownBlock>> blocks_;
  std::shared_ptr<SelfAttention> attention_;
  std::shared_ptr<LogitHead> head_;
};

constexpr const char* kSngan = "residual, batch norm in G, spectral norm in D; Miyato 2018 (SNGAN), tables 4 to 6";
constexpr const char* kSagan = "the same with self-attention, spectral norm in both; Zhang 2019 (SAGAN)";

}  // namespace

NetworkRow<Generator> sngan_generator() {
  return network_row<Generator, SnganGenerator, GeneratorOptions>("sngan", kSngan);
}
NetworkRow<Generator> sagan_generator() {
  return network_row<Generator, SnganGenerator, SaganGeneratorOptions>("sagan", kSagan);
}
NetworkRow<Discriminator> sngan_discriminator() {
  return network_row<Discriminator, SnganDiscriminator, DiscriminatorOptions>("sngan", kSngan);
}
NetworkRow<Discriminator> sagan_discriminator() {
  return network_row<Discriminator, SnganDiscriminator, SaganDiscriminatorOptions>("sagan", kSagan);
}

}  // namespace obverse
