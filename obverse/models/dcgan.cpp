#include <ATen/ATen.h>

#include <algorithm>

#include "obverse/layers/activation.h"
#include "obverse/layers/batch_norm.h"
#include "obverse/layers/convolution.h"
#include "obverse/layers/minibatch_std.h"
#include "obverse/models/heads.h"
#include "obverse/models/pair_head.h"
#include "obverse/models/upscaler.h"
#include "obverse/models/zoo.h"

namespace obverse {
namespace {

struct GeneratorOptions : Options {
  std::vector<int64_t> channels = {256, 128, 64};
  std::string up = "transposed";
  bool full_size_stage = false;
  bool batch_norm = true;
  std::string conditioning = "batch-norm";
  std::string activation = "relu";
  double init_std = 0.02;
  void describe(Fields& f) override {
    f("channels", channels, "of each stage, the smallest resolution first; each stage doubles the size", {1, 8192});
    f("up", up, "how a stage doubles the size", names(upscaler_table()));
    f("full_size_stage", full_size_stage, "the last stage is at full size, followed by a 3x3 convolution to the image");
    f("batch_norm", batch_norm, "normalise every stage over the batch");
    f("conditioning", conditioning,
      "where the class enters: gain and bias of batch norm, or a learned vector beside the code (always so without "
      "batch norm)",
      {"batch-norm", "concatenation"});
    f("activation", activation, "after each stage", names(activation_table()));
    f("init_std", init_std, "standard deviation of initial weights; 0: He's, by fan-in", kNotNegative);
  }
};

struct CriticOptions : Options {
  std::vector<int64_t> channels = {64, 128, 256};
  int64_t kernel = 4;
  bool batch_norm = true;
  bool spectral_norm = false;
  bool minibatch_std = false;
  bool global_sum = false;
  std::string activation = "leaky_relu";
  double init_std = 0.02;
  void describe(Fields& f) override {
    f("channels", channels, "of each stage, the largest resolution first; each stage halves the size", {1, 8192});
    f("kernel", kernel, "of the strided convolutions where the size is even, 4 or 3 (3 where it is odd)", {3, 4});
    f("batch_norm", batch_norm, "normalise every stage but the first over the batch");
    f("spectral_norm", spectral_norm, "divide each weight by its largest singular value");
    f("minibatch_std", minibatch_std, "append the batch's standard deviation before the head");
    f("global_sum", global_sum, "sum the last stage's positions to features instead of keeping them apart");
    f("activation", activation, "after each stage", names(activation_table()));
    f("init_std", init_std, "standard deviation of initial weights; 0: He's, by fan-in", kNotNegative);
  }
};

struct DiscriminatorOptions : CriticOptions {
  LogitHeadOptions head;
  void describe(Fields& f) override {
    CriticOptions::describe(f);
    head.describe(f);
  }
};

struct JointCriticOptions : CriticOptions {
  PairHeadOptions pair;
  void describe(Fields& f) override {
    CriticOptions::describe(f);
    f.table("pair", pair);
  }
};

Init weights(double std, double slope) { return std > 0 ? Init::normal(std) : Init::he(slope); }

struct Size {
  int64_t height, width;
};

/// Sizes from the image's down by `halvings`, each half of the one before, rounded up: 28, 14, 7, 4.
std::vector<Size> halved_sizes(const NetworkShape& shape, int64_t halvings) {
  std::vector<Size> sizes = {{shape.domain.shape.at(1), shape.domain.shape.at(2)}};
  for (int64_t i = 0; i < halvings; ++i) {
    if (std::min(sizes.back().height, sizes.back().width) < 2)
      fail("dcgan: {} stages are too many for images of {}x{}: shorten `channels`", halvings, sizes[0].height,
           sizes[0].width);
    sizes.push_back({(sizes.back().height + 1) / 2, (sizes.back().width + 1) / 2});
  }
  return sizes;
}

class DcganGenerator : public Generator {
 public:
  DcganGenerator(const GeneratorOptions& o, const NetworkShape& shape, Rng& rng)
      : activation_(find_row(activation_table(), "activation", o.activation)), channels_(o.channels) {
    need_images("dcgan", shape);
    if (o.channels.empty()) fail("dcgan: `channels` of the generator is empty: name at least one stage");
    const int64_t stages = static_cast<int64_t>(o.channels.size()), image_channels = shape.domain.shape.at(0);
    sizes_ = halved_sizes(shape, stages - (o.full_size_stage ? 1 : 0));
    std::reverse(sizes_.begin(), sizes_.end());
    const LayerOptions hidden{!o.batch_norm, weights(o.init_std, 0)}, last{true, weights(o.init_std, 1)};
    const bool by_norm = o.batch_norm && o.conditioning == "batch-norm";
    const int64_t label_width = by_norm ? 0 : shape.classes;
    code_ = child("code", std::make_shared<LabelledCode>(shape.z_dim, label_width, label_width, rng));
    project_ = child("project", std::make_shared<Linear>(
                                    code_->size(), channels_[0] * sizes_[0].height * sizes_[0].width, rng, hidden));
    for (int64_t i = 0; i < stages; ++i) {
      const std::string index = std::to_string(i);
      if (o.batch_norm)
        norms_.push_back(child("norm" + index, std::make_shared<BatchNorm>(channels_[i], by_norm ? shape.classes : 0)));
      const bool to_image = i + 1 == stages;
      if (to_image && o.full_size_stage) break;
      ups_.push_back(
          child("up" + index, find_row(upscaler_table(), "up", o.up)
                                  .build(channels_[i], to_image ? image_channels : channels_[i + 1],
                                         sizes_[i + 1].height, sizes_[i + 1].width, to_image ? last : hidden, rng)));
    }
    if (o.full_size_stage)
      out_ =
          child("out", std::make_shared<Conv2d>(channels_.back(), image_channels, rng, ConvOptions{last, 3, 1, 1, 1}));
  }

  at::Tensor forward(const at::Tensor& z, const at::Tensor& y) override { return raw(z, y).tanh(); }
  bool ends_in_tanh() const override { return true; }
  std::vector<at::Tensor> code_weights() const override { return {project_->weight()}; }
  at::Tensor raw(const at::Tensor& z, const at::Tensor& y) override {
    at::Tensor x = project_->forward(code_->forward(z, y));
    x = x.view({-1, sizes_[0].height, sizes_[0].width, channels_[0]}).permute({0, 3, 1, 2});  // [N, C, h, w]
    bool finished = false;  // stage i has been normalised and bent by the layer before
    for (size_t i = 0; i < channels_.size(); ++i) {
      if (!finished) x = norms_.empty() ? activation_.apply(x) : norms_[i]->forward(x, y, activation_);
      if (i == ups_.size()) break;
      const auto next = i + 1 < norms_.size() && ups_[i]->takes_finish() && activation_.negative_slope
                            ? norms_[i + 1]->fixed()
                            : std::nullopt;
      finished = next.has_value();
      x = finished ? ups_[i]->forward(x, *next, *activation_.negative_slope) : ups_[i]->forward(x);
    }
    return full_precision(out_ ? out_->forward(x) : x);
  }

 private:
  Activation activation_;
  std::vector<int64_t> channels_;
  std::vector<Size> sizes_;  // of the stages, smallest first, and of the image
  std::shared_ptr<LabelledCode> code_;
  std::shared_ptr<Linear> project_;
  std::vector<std::shared_ptr<BatchNorm>> norms_;
  std::vector<std::shared_ptr<Upscaler>> ups_;
  std::shared_ptr<Conv2d> out_;
};

/// Image to features: strided convolutions, batch norm where asked for, activation.
class Trunk : public Module {
 public:
  Trunk(const CriticOptions& o, const NetworkShape& shape, Rng& rng)
      : activation_(find_row(activation_table(), "activation", o.activation)),
        minibatch_std_(o.minibatch_std),
        global_sum_(o.global_sum) {
    need_images("dcgan", shape);
    if (o.channels.empty()) fail("dcgan: `channels` of the discriminator is empty: name at least one stage");
    const std::vector<Size> sizes = halved_sizes(shape, static_cast<int64_t>(o.channels.size()));
    int64_t inputs = shape.domain.shape.at(0);
    for (size_t i = 0; i < o.channels.size(); ++i) {
      const bool normalise = o.batch_norm && i > 0, even = sizes[i].height % 2 == 0 && sizes[i].width % 2 == 0;
      const LayerOptions layer{!normalise, weights(o.init_std, 0.2), o.spectral_norm};
      const std::string index = std::to_string(i);
      convs_.push_back(child(
          "conv" + index,
          std::make_shared<Conv2d>(inputs, o.channels[i], rng, ConvOptions{layer, even ? o.kernel : 3, 2, 1, 1})));
      norms_.push_back(normalise ? child("norm" + index, std::make_shared<BatchNorm>(o.channels[i])) : nullptr);
      inputs = o.channels[i];
    }
    features_ = (inputs + (minibatch_std_ ? 1 : 0)) * (global_sum_ ? 1 : sizes.back().height * sizes.back().width);
  }
  int64_t features() const { return features_; }
  at::Tensor forward(at::Tensor x) {  // [N, C, H, W] -> [N, features] float32
    for (size_t i = 0; i < convs_.size(); ++i) {
      x = norms_[i] ? norms_[i]->forward(convs_[i]->forward(x), {}, activation_) : convs_[i]->forward(x, activation_);
    }
    if (minibatch_std_) x = append_minibatch_std(x);
    if (global_sum_) return full_precision(x).sum({2, 3});
    return full_precision(x)
        .permute({0, 2, 3, 1})
        .flatten(1);  // in the order in which it lies: rows, columns, channels
  }

 private:
  Activation activation_;
  bool minibatch_std_, global_sum_;
  int64_t features_ = 0;
  std::vector<std::shared_ptr<Conv2d>> convs_;
  std::vector<std::shared_ptr<BatchNorm>> norms_;  // nullptr: none at that stage
};

class DcganDiscriminator : public Discriminator {
 public:
  DcganDiscriminator(const DiscriminatorOptions& o, const NetworkShape& shape, Rng& rng)
      : mixes_samples_(o.batch_norm || o.minibatch_std || o.head.mixes_samples()),
        homogeneous_(!mixes_samples_ &&
                     find_row(activation_table(), "activation", o.activation).negative_slope.has_value()) {
    trunk_ = child("trunk", std::make_shared<Trunk>(o, shape, rng));
    head_ =
        child("head", std::make_shared<LogitHead>(trunk_->features(), shape.classes, rng,
                                                  LayerOptions{true, weights(o.init_std, 1), o.spectral_norm}, o.head));
  }
  at::Tensor features(const at::Tensor& x) override { return trunk_->forward(x); }
  at::Tensor head(const at::Tensor& h, const at::Tensor& y) override { return head_->forward(h, y); }
  bool classifies() const override { return head_->classifies(); }
  at::Tensor class_logits(const at::Tensor& h) override { return head_->class_logits(h); }
  bool mixes_samples() const override { return mixes_samples_; }
  bool homogeneous() const override { return homogeneous_; }

 private:
  bool mixes_samples_, homogeneous_;
  std::shared_ptr<Trunk> trunk_;
  std::shared_ptr<LogitHead> head_;
};

class DcganEncoder : public Encoder {
 public:
  DcganEncoder(const CriticOptions& o, const NetworkShape& shape, Rng& rng) {
    trunk_ = child("trunk", std::make_shared<Trunk>(o, shape, rng));
    head_ = child("head", std::make_shared<CodeHead>(trunk_->features(), shape.z_dim, shape.classes, rng,
                                                     LayerOptions{true, weights(o.init_std, 1), o.spectral_norm}));
  }
  at::Tensor features(const at::Tensor& x) override { return trunk_->forward(x); }
  at::Tensor head(const at::Tensor& h, const at::Tensor& y) override { return head_->forward(h, y); }

 private:
  std::shared_ptr<Trunk> trunk_;
  std::shared_ptr<CodeHead> head_;
};

/// The trunk's features of the image and the code, judged together.
class DcganJointDiscriminator : public JointDiscriminator {
 public:
  DcganJointDiscriminator(const JointCriticOptions& o, const NetworkShape& shape, Rng& rng)
      : mixes_samples_(o.batch_norm || o.minibatch_std || o.pair.batch_norm) {
    trunk_ = child("trunk", std::make_shared<Trunk>(o, shape, rng));
    pair_ = child("pair", std::make_shared<PairHead>(o.pair, trunk_->features(), shape, rng));
  }
  at::Tensor features(const at::Tensor& x) override { return trunk_->forward(x); }
  at::Tensor pair_features(const at::Tensor& h, const at::Tensor& z) override { return pair_->features(h, z); }
  at::Tensor head(const at::Tensor& h, const at::Tensor& z, const at::Tensor& y) override {
    return pair_->forward(h, z, y);
  }
  bool mixes_samples() const override { return mixes_samples_; }

 private:
  bool mixes_samples_;
  std::shared_ptr<Trunk> trunk_;
  std::shared_ptr<PairHead> pair_;
};

constexpr const char* kSource = "strided (transposed) convolutions; Radford 2016";

}  // namespace

NetworkRow<Generator> dcgan_generator() {
  return network_row<Generator, DcganGenerator, GeneratorOptions>("dcgan", kSource);
}
NetworkRow<Discriminator> dcgan_discriminator() {
  return network_row<Discriminator, DcganDiscriminator, DiscriminatorOptions>("dcgan", kSource);
}
NetworkRow<Encoder> dcgan_encoder() { return network_row<Encoder, DcganEncoder, CriticOptions>("dcgan", kSource); }
NetworkRow<JointDiscriminator> dcgan_joint_discriminator() {
  return network_row<JointDiscriminator, DcganJointDiscriminator, JointCriticOptions>("dcgan", kSource);
}

}  // namespace obverse
