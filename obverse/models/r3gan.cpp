#include <ATen/ATen.h>

#include <cmath>

#include "obverse/layers/convolution.h"
#include "obverse/layers/resample.h"
#include "obverse/models/heads.h"
#include "obverse/models/zoo.h"

namespace obverse {
namespace {

struct StageOptions : Options {
  std::vector<int64_t> channels;
  int64_t blocks = 2;
  int64_t group_size = 16;
  int64_t expansion = 2;
  explicit StageOptions(std::vector<int64_t> widths) : channels(std::move(widths)) {}
  void describe(Fields& f) override {
    f("channels", channels, "of each stage in the order of computation; between stages the size doubles or halves",
      {1, 8192});
    f("blocks", blocks, "residual blocks a stage", {1, 64});
    f("group_size", group_size, "channels a group of the 3x3 convolutions", {1, 1024});
    f("expansion", expansion, "channels inside a block, as a multiple of the stage's", {1, 16});
  }
  int64_t total_blocks() const { return blocks * static_cast<int64_t>(channels.size()); }
};
struct GeneratorOptions : StageOptions {
  GeneratorOptions() : StageOptions({128, 64, 32}) {}
};
struct CriticOptions : StageOptions {
  CriticOptions() : StageOptions({32, 64, 128}) {}
};

struct DiscriminatorOptions : CriticOptions {
  LogitHeadOptions head;
  void describe(Fields& f) override {
    CriticOptions::describe(f);
    head.describe(f);
  }
};

/// The only biases of the networks are inside the blocks, before activations.
const LayerOptions kLinear{false, Init::he(1)};

/// x + conv1x1(act(conv3x3(act(conv1x1(x))))), the last one zero at first; Huang 2024, section 3.2.
class Block : public Module {
 public:
  Block(int64_t channels, const StageOptions& o, Rng& rng) {
    const int64_t inner = channels * o.expansion;
    if (inner % o.group_size != 0)
      fail("r3gan: a stage of {} channels has {} inside its blocks, which group_size {} does not divide: change one",
           channels, inner, o.group_size);
    // Three layers a block, L blocks: L^(-1 / (2 * 3 - 2)) keeps updates of the right size (Zhang 2019, Fixup).
    const double scale = std::pow(static_cast<double>(o.total_blocks()), -0.25);
    const LayerOptions biased{true, Init::he(0.2, scale)}, zero{false, Init::zero()};
    expand_ = child("expand", std::make_shared<Conv2d>(channels, inner, rng, ConvOptions{biased, 1, 1, 0, 1}));
    mix_ =
        child("mix", std::make_shared<Conv2d>(inner, inner, rng, ConvOptions{biased, 3, 1, 1, inner / o.group_size}));
    reduce_ = child("reduce", std::make_shared<Conv2d>(inner, channels, rng, ConvOptions{zero, 1, 1, 0, 1}));
  }
  at::Tensor forward(const at::Tensor& x) {
    return x + reduce_->forward(mix_->forward(expand_->forward(x, activation_), activation_));
  }

 private:
  Activation activation_ = find_row(activation_table(), "activation", "leaky_relu");
  std::shared_ptr<Conv2d> expand_, mix_, reduce_;
};

/// The residual blocks of all stages, and a 1x1 convolution wherever the number of channels changes.
class Stages : public Module {
 public:
  Stages(const StageOptions& o, Rng& rng) : blocks_a_stage_(o.blocks) {
    for (size_t i = 0; i < o.channels.size(); ++i) {
      const std::string stage = std::to_string(i);
      if (i > 0)
        changes_.push_back(o.channels[i - 1] == o.channels[i] ? nullptr : child("change" + stage, change(o, i, rng)));
      for (int64_t j = 0; j < o.blocks; ++j)
        blocks_.push_back(
            child("block" + stage + "_" + std::to_string(j), std::make_shared<Block>(o.channels[i], o, rng)));
    }
  }
  /// resize: between stages, before the change of channels or after it.
  template <class Resize>
  at::Tensor forward(at::Tensor x, bool resize_first, const Resize& resize) {
    for (size_t i = 0; i < blocks_.size(); ++i) {
      if (i > 0 && i % blocks_a_stage_ == 0) {
        const auto& change = changes_[i / blocks_a_stage_ - 1];
        if (resize_first) x = resize(x);
        if (change) x = change->forward(x);
        if (!resize_first) x = resize(x);
      }
      x = blocks_[i]->forward(x);
    }
    return x;
  }

 private:
  static std::shared_ptr<Conv2d> change(const StageOptions& o, size_t i, Rng& rng) {
    return std::make_shared<Conv2d>(o.channels[i - 1], o.channels[i], rng, ConvOptions{kLinear, 1, 1, 0, 1});
  }
  int64_t blocks_a_stage_;
  std::vector<std::shared_ptr<Conv2d>> changes_;  // nullptr: the number of channels stays
  std::vector<std::shared_ptr<Block>> blocks_;
};

/// Height and width of the smallest stage. Throws UserError when the image does not halve that often.
std::pair<int64_t, int64_t> base_size(const StageOptions& o, const NetworkShape& shape) {
  need_images("r3gan", shape);
  if (o.channels.empty()) fail("r3gan: `channels` is empty: name at least one stage");
  const int64_t height = shape.domain.shape.at(1), width = shape.domain.shape.at(2);
  const int64_t factor = int64_t{1} << std::min<size_t>(o.channels.size() - 1, 30);
  if (height % factor != 0 || width % factor != 0)
    fail("r3gan: {} stages need image sizes that {} divides, the data are {}x{}: shorten `channels`", o.channels.size(),
         factor, height, width);
  return {height / factor, width / factor};
}

class R3ganGenerator : public Generator {
 public:
  R3ganGenerator(const GeneratorOptions& o, const NetworkShape& shape, Rng& rng) {
    const auto [height, width] = base_size(o, shape);
    code_ = child("code", std::make_shared<LabelledCode>(shape.z_dim, shape.classes, shape.z_dim, rng));
    parameter("basis", basis_, rng.normal({o.channels[0], height, width}));
    linear_ = child("linear", std::make_shared<Linear>(code_->size(), o.channels[0], rng, kLinear));
    stages_ = child("stages", std::make_shared<Stages>(o, rng));
    out_ = child("out", std::make_shared<Conv2d>(o.channels.back(), shape.domain.shape.at(0), rng,
                                                 ConvOptions{kLinear, 1, 1, 0, 1}));
  }
  at::Tensor forward(const at::Tensor& z, const at::Tensor& y) override {
    const at::Tensor weights = linear_->forward(code_->forward(z, y));  // [N, C]
    at::Tensor x = weights.unsqueeze(2).unsqueeze(3) * basis_.to(weights.scalar_type());
    x = stages_->forward(x.contiguous(placement().memory_format), /*resize_first=*/false, upsample);
    return full_precision(out_->forward(x));
  }

  std::vector<at::Tensor> code_weights() const override { return {linear_->weight()}; }

 private:
  at::Tensor basis_;  // [C, h, w]: learned maps
  std::shared_ptr<LabelledCode> code_;
  std::shared_ptr<Linear> linear_;
  std::shared_ptr<Stages> stages_;
  std::shared_ptr<Conv2d> out_;
};

/// Image to features [N, C] float32: the stages, then a weighted sum over positions, its weights learned a channel.
class Trunk : public Module {
 public:
  Trunk(const CriticOptions& o, const NetworkShape& shape, Rng& rng) {
    const auto [height, width] = base_size(o, shape);
    in_ = child(
        "in", std::make_shared<Conv2d>(shape.domain.shape.at(0), o.channels[0], rng, ConvOptions{kLinear, 1, 1, 0, 1}));
    stages_ = child("stages", std::make_shared<Stages>(o, rng));
    parameter("basis", basis_, draw_weight({o.channels.back(), height, width}, height * width, kLinear.init, rng));
  }
  at::Tensor forward(const at::Tensor& x) {
    const at::Tensor h = stages_->forward(in_->forward(x), /*resize_first=*/true, downsample);
    return (full_precision(h) * basis_).sum({2, 3});
  }

 private:
  at::Tensor basis_;  // [C, h, w]
  std::shared_ptr<Conv2d> in_;
  std::shared_ptr<Stages> stages_;
};

class R3ganDiscriminator : public Discriminator {
 public:
  R3ganDiscriminator(const DiscriminatorOptions& o, const NetworkShape& shape, Rng& rng)
      : mixes_samples_(o.head.mixes_samples()) {
    trunk_ = child("trunk", std::make_shared<Trunk>(o, shape, rng));
    head_ = child("head", std::make_shared<LogitHead>(o.channels.back(), shape.classes, rng, kLinear, o.head));
  }
  at::Tensor features(const at::Tensor& x) override { return trunk_->forward(x); }
  at::Tensor head(const at::Tensor& h, const at::Tensor& y) override { return head_->forward(h, y); }
  bool classifies() const override { return head_->classifies(); }
  at::Tensor class_logits(const at::Tensor& h) override { return head_->class_logits(h); }
  bool mixes_samples() const override { return mixes_samples_; }
  bool homogeneous() const override { return !mixes_samples_; }

 private:
  bool mixes_samples_;
  std::shared_ptr<Trunk> trunk_;
  std::shared_ptr<LogitHead> head_;
};

class R3ganEncoder : public Encoder {
 public:
  R3ganEncoder(const CriticOptions& o, const NetworkShape& shape, Rng& rng) {
    trunk_ = child("trunk", std::make_shared<Trunk>(o, shape, rng));
    head_ = child("head", std::make_shared<CodeHead>(o.channels.back(), shape.z_dim, shape.classes, rng, kLinear));
  }
  at::Tensor features(const at::Tensor& x) override { return trunk_->forward(x); }
  at::Tensor head(const at::Tensor& h, const at::Tensor& y) override { return head_->forward(h, y); }

 private:
  std::shared_ptr<Trunk> trunk_;
  std::shared_ptr<CodeHead> head_;
};

constexpr const char* kSource = "residual, grouped convolutions, no normalisation; Huang 2024 (R3GAN)";

}  // namespace

NetworkRow<Generator> r3gan_generator() {
  return network_row<Generator, R3ganGenerator, GeneratorOptions>("r3gan", kSource);
}
NetworkRow<Discriminator> r3gan_discriminator() {
  return network_row<Discriminator, R3ganDiscriminator, DiscriminatorOptions>("r3gan", kSource);
}
NetworkRow<Encoder> r3gan_encoder() { return network_row<Encoder, R3ganEncoder, CriticOptions>("r3gan", kSource); }

}  // namespace obverse
