#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "obverse/layers/equalised.h"
#include "obverse/layers/minibatch_std.h"
#include "obverse/layers/resample.h"
#include "obverse/models/heads.h"
#include "obverse/models/zoo.h"

namespace obverse {
namespace {

struct GeneratorOptions : Options {
  std::vector<int64_t> channels = {128, 128, 64};
  void describe(Fields& f) override {
    f("channels", channels, "of each stage, the smallest resolution first; each stage doubles the size", {1, 8192});
  }
};

struct DiscriminatorOptions : Options {
  std::vector<int64_t> channels = {64, 128, 128};
  int64_t minibatch_group = 4;
  LogitHeadOptions head;
  void describe(Fields& f) override {
    f("channels", channels, "of each stage, the largest resolution first; as many as the generator's", {1, 8192});
    f("minibatch_group", minibatch_group, "samples of whose deviation D is told; 0: none", {0, 4096});
    head.describe(f);
  }
};

constexpr double kSlope = 0.2;
const double kGain = std::sqrt(2.0);

/// Sides of the smallest stage. Throws UserError when the image does not halve that often.
std::pair<int64_t, int64_t> base_size(size_t stages, const NetworkShape& shape) {
  need_images("progressive", shape);
  if (stages == 0) fail("progressive: `channels` is empty: name at least one stage");
  std::vector<int64_t> size = shape.domain.shape;
  for (size_t i = 1; i < stages; ++i) {
    need_even_sides("progressive", size, "channels");
    size[1] /= 2, size[2] /= 2;
  }
  return {size[1], size[2]};
}

std::shared_ptr<EqualisedConv2d> conv(int64_t inputs, int64_t outputs, Rng& rng) {
  return std::make_shared<EqualisedConv2d>(inputs, outputs, rng, EqualisedConv2d::Shape{}, kGain, kSlope);
}
std::shared_ptr<EqualisedConv2d> one_by_one(int64_t inputs, int64_t outputs, double gain, double slope, Rng& rng) {
  return std::make_shared<EqualisedConv2d>(inputs, outputs, rng, EqualisedConv2d::Shape{1, 1, 0, true}, gain, slope);
}

at::Tensor halved(const at::Tensor& x) { return at::avg_pool2d(x, 2); }
at::Tensor halved(at::Tensor x, int64_t times) {
  for (int64_t i = 0; i < times; ++i) x = halved(x);
  return x;
}
at::Tensor doubled(at::Tensor x, int64_t times) {
  for (int64_t i = 0; i < times; ++i) x = repeat_pixels(x);
  return x;
}

/// Where a network stands, saved with its weights: in millionths of a stage, since averages of weights copy integers.
class Level {
 public:
  explicit Level(int64_t stages) : stages_(stages), value(at::full({}, (stages - 1) * kUnit, at::kLong)) {}
  void set(double level) {
    const double confined = std::clamp(level, 0.0, static_cast<double>(stages_ - 1));
    value.fill_(static_cast<int64_t>(std::llround(confined * kUnit)));
  }
  int64_t stage() const { return *value.data_ptr<int64_t>() / kUnit; }
  double fade() const { return static_cast<double>(*value.data_ptr<int64_t>() % kUnit) / kUnit; }  // of the next stage

 private:
  static constexpr int64_t kUnit = 1000000;
  int64_t stages_;

 public:
  at::Tensor value;
};

/// Two 3x3 convolutions, each with pixel norm, the first after doubling the size (the first stage: after the dense
/// layer).
class UpStage : public Module {
 public:
  UpStage(int64_t inputs, int64_t outputs, int64_t image_channels, bool doubles, Rng& rng) : doubles_(doubles) {
    if (doubles) conv0_ = child("conv0", conv(inputs, outputs, rng));
    conv1_ = child("conv1", conv(outputs, outputs, rng));
    image_ = child("image", one_by_one(outputs, image_channels, 1, 1, rng));
  }
  at::Tensor forward(const at::Tensor& x) {
    const at::Tensor h = doubles_ ? pixel_norm(conv0_->forward(repeat_pixels(x))) : x;
    return pixel_norm(conv1_->forward(h));
  }
  at::Tensor image(const at::Tensor& h) { return full_precision(image_->forward(h)); }

 private:
  bool doubles_;
  std::shared_ptr<EqualisedConv2d> conv0_, conv1_, image_;
};

class ProgressiveGenerator : public Generator, public Growing {
 public:
  ProgressiveGenerator(const GeneratorOptions& o, const NetworkShape& shape, Rng& rng)
      : channels_(o.channels.empty() ? 0 : o.channels[0]), level_(static_cast<int64_t>(o.channels.size())) {
    std::tie(height_, width_) = base_size(o.channels.size(), shape);
    code_ = child("code", std::make_shared<LabelledCode>(shape.z_dim, shape.classes, shape.z_dim, rng));
    dense_ = child("dense", std::make_shared<EqualisedLinear>(code_->size(), channels_ * height_ * width_, rng,
                                                              kGain / 4));  // as the published code
    for (size_t i = 0; i < o.channels.size(); ++i)
      stages_.push_back(child(
          "stage" + std::to_string(i),
          std::make_shared<UpStage>(i == 0 ? 0 : o.channels[i - 1], o.channels[i], shape.domain.shape[0], i > 0, rng)));
    buffer("level", level_.value, level_.value);
  }
  int64_t stages() const override { return static_cast<int64_t>(stages_.size()); }
  void grow(double level) override { level_.set(level); }
  at::Tensor forward(const at::Tensor& z, const at::Tensor& y) override {
    at::Tensor x = dense_->forward(pixel_norm(code_->forward(z, y)));
    x = at::leaky_relu(x, kSlope).view({-1, height_, width_, channels_}).permute({0, 3, 1, 2});
    x = pixel_norm(x).to(placement().compute);
    const int64_t stage = level_.stage(), last = stages() - 1;
    for (int64_t i = 0; i <= stage; ++i) x = stages_[i]->forward(x);
    const at::Tensor image = stages_[stage]->image(x);
    if (level_.fade() == 0) return doubled(image, last - stage);
    const at::Tensor finer = stages_[stage + 1]->image(stages_[stage + 1]->forward(x));
    return doubled(at::lerp(doubled(image, 1), finer, level_.fade()), last - stage - 1);
  }
  at::Tensor as_fine(const at::Tensor& x) const override {
    const int64_t coarser = stages() - 1 - level_.stage();
    if (coarser == 0) return x;
    const at::Tensor coarse = doubled(halved(x, coarser), coarser);
    if (level_.fade() == 0) return coarse;
    return at::lerp(coarse, doubled(halved(x, coarser - 1), coarser - 1), level_.fade());
  }

  std::vector<at::Tensor> code_weights() const override { return {dense_->weight()}; }

 private:
  int64_t channels_, height_ = 0, width_ = 0;
  Level level_;
  std::shared_ptr<LabelledCode> code_;
  std::shared_ptr<EqualisedLinear> dense_;
  std::vector<std::shared_ptr<UpStage>> stages_;
};

/// From an image of this size; two 3x3 convolutions and halving.
class DownStage : public Module {
 public:
  DownStage(int64_t inputs, int64_t outputs, int64_t image_channels, Rng& rng) {
    image_ = child("image", one_by_one(image_channels, inputs, kGain, kSlope, rng));
    conv0_ = child("conv0", conv(inputs, inputs, rng));
    conv1_ = child("conv1", conv(inputs, outputs, rng));
  }
  at::Tensor from(const at::Tensor& image) { return image_->forward(image); }
  at::Tensor forward(const at::Tensor& x) { return halved(conv1_->forward(conv0_->forward(x))); }

 private:
  std::shared_ptr<EqualisedConv2d> image_, conv0_, conv1_;
};

class ProgressiveDiscriminator : public Discriminator, public Growing {
 public:
  ProgressiveDiscriminator(const DiscriminatorOptions& o, const NetworkShape& shape, Rng& rng)
      : group_(o.minibatch_group),
        mixes_samples_(o.minibatch_group > 0 || o.head.mixes_samples()),
        level_(static_cast<int64_t>(o.channels.size())) {
    const auto [height, width] = base_size(o.channels.size(), shape);
    const int64_t last = o.channels.back();
    in_ = one_by_one(shape.domain.shape[0], last, kGain, kSlope, rng);
    for (size_t i = 0; i + 1 < o.channels.size(); ++i)
      stages_.push_back(child("stage" + std::to_string(i), std::make_shared<DownStage>(o.channels[i], o.channels[i + 1],
                                                                                       shape.domain.shape[0], rng)));
    child("in", in_);                              // the coarsest of the layers that see the image
    std::reverse(stages_.begin(), stages_.end());  // stages_[k]: from level k + 1 to level k
    conv_ = child("conv", conv(last + (group_ > 0 ? 1 : 0), last, rng));
    dense_ = child("dense", std::make_shared<EqualisedLinear>(last * height * width, last, rng, kGain));
    head_ =
        child("head", std::make_shared<LogitHead>(last, shape.classes, rng, LayerOptions{true, Init::he(1)}, o.head));
    buffer("level", level_.value, level_.value);
  }
  int64_t stages() const override { return static_cast<int64_t>(stages_.size()) + 1; }
  void grow(double level) override { level_.set(level); }
  at::Tensor features(const at::Tensor& image) override {
    const int64_t stage = level_.stage();
    at::Tensor seen = halved(image, stages() - 1 - stage), x = from(stage, seen);
    if (level_.fade() > 0) {
      const at::Tensor finer = halved(image, stages() - 2 - stage);
      x = x + level_.fade() * (stages_[stage]->forward(from(stage + 1, finer)) - x);
    }
    for (int64_t i = stage; i > 0; --i) x = stages_[i - 1]->forward(x);
    if (group_ > 0) x = append_minibatch_std(x, group_);
    x = full_precision(conv_->forward(x)).permute({0, 2, 3, 1}).flatten(1);
    return at::leaky_relu(dense_->forward(x), kSlope);
  }
  at::Tensor head(const at::Tensor& h, const at::Tensor& y) override { return head_->forward(h, y); }
  bool classifies() const override { return head_->classifies(); }
  at::Tensor class_logits(const at::Tensor& h) override { return head_->class_logits(h); }
  bool mixes_samples() const override { return mixes_samples_; }

 private:
  at::Tensor from(int64_t level, const at::Tensor& image) {
    return level == 0 ? in_->forward(image) : stages_[level - 1]->from(image);
  }
  int64_t group_;
  bool mixes_samples_;
  Level level_;
  std::shared_ptr<EqualisedConv2d> in_, conv_;
  std::vector<std::shared_ptr<DownStage>> stages_;
  std::shared_ptr<EqualisedLinear> dense_;
  std::shared_ptr<LogitHead> head_;
};

constexpr const char* kSource = "grows by stages that fade in, equalised step sizes, pixel norm; Karras 2018";

}  // namespace

NetworkRow<Generator> progressive_generator() {
  return network_row<Generator, ProgressiveGenerator, GeneratorOptions>("progressive", kSource);
}
NetworkRow<Discriminator> progressive_discriminator() {
  return network_row<Discriminator, ProgressiveDiscriminator, DiscriminatorOptions>("progressive", kSource);
}

}  // namespace obverse
