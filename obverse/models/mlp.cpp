#include <ATen/ATen.h>

#include "obverse/models/dense_trunk.h"
#include "obverse/models/heads.h"
#include "obverse/models/pair_head.h"
#include "obverse/models/zoo.h"

namespace obverse {
namespace {

struct MlpOptions : DenseOptions {
  double scale = 1, offset = 0;
  void describe(Fields& f) override {
    DenseOptions::describe(f);
    f("scale", scale, "the network's unit of data: what comes in is divided by it, what goes out multiplied",
      kPositive);
    f("offset", offset,
      "what is taken away from data that come in, before they are divided: -1 and a scale of 2 show "
      "an image's black as 0 and white as 1",
      {-1e6, 1e6});
  }
  at::Tensor scaled(const at::Tensor& x) const {  // [N, ...] -> [N, numbers]
    const at::Tensor from = offset == 0 ? x.flatten(1) : x.flatten(1) - offset;
    return scale == 1 ? from : from / scale;
  }
};

struct MlpDiscriminatorOptions : MlpOptions {
  LogitHeadOptions head;
  void describe(Fields& f) override {
    MlpOptions::describe(f);
    head.describe(f);
  }
};

struct JointMlpOptions : MlpOptions {
  PairHeadOptions pair;
  void describe(Fields& f) override {
    MlpOptions::describe(f);
    f.table("pair", pair);
  }
};

int64_t numbers(const Domain& domain) {
  int64_t result = 1;
  for (const int64_t size : domain.shape) result *= size;
  return result;
}

class MlpGenerator : public Generator {
 public:
  MlpGenerator(const MlpOptions& options, const NetworkShape& shape, Rng& rng)
      : domain_(shape.domain), scale_(options.scale) {
    code_ = child("code", std::make_shared<LabelledCode>(shape.z_dim, shape.classes, shape.classes, rng));
    trunk_ = child("trunk", std::make_shared<DenseTrunk>(options, code_->size(), rng));
    out_ = child("out", std::make_shared<Linear>(trunk_->outputs(), numbers(domain_), rng, options.last_layer()));
  }
  at::Tensor forward(const at::Tensor& z, const at::Tensor& y) override {
    return ends_in_tanh() ? raw(z, y).tanh() : raw(z, y);
  }
  bool ends_in_tanh() const override { return domain_.kind == Domain::Kind::image; }
  std::vector<at::Tensor> code_weights() const override { return trunk_->first_weights(); }
  std::optional<DenseLayers> dense_layers() const override {
    if (domain_.kind != Domain::Kind::image || code_->labelled()) return {};
    return trunk_->numbers_with(*out_);
  }
  at::Tensor raw(const at::Tensor& z, const at::Tensor& y) override {
    const at::Tensor code = code_->forward(z, y);
    const std::optional<DenseStack> stack = trunk_->with(*out_);
    const at::Tensor x = stack ? dense_stack(*stack, code) : full_precision(out_->forward(trunk_->forward(code)));
    if (domain_.kind == Domain::Kind::points) return x * scale_;
    std::vector<int64_t> sizes = domain_.shape;
    sizes.insert(sizes.begin(), x.size(0));
    return x.view(sizes);
  }

 private:
  Domain domain_;
  double scale_;
  std::shared_ptr<LabelledCode> code_;
  std::shared_ptr<DenseTrunk> trunk_;
  std::shared_ptr<Linear> out_;
};

class MlpDiscriminator : public Discriminator {
 public:
  MlpDiscriminator(const MlpDiscriminatorOptions& options, const NetworkShape& shape, Rng& rng)
      : options_(options), mixes_in_head_(options.head.mixes_samples()) {
    trunk_ = child("trunk", std::make_shared<DenseTrunk>(options, numbers(shape.domain), rng));
    head_ = child(
        "head", std::make_shared<LogitHead>(trunk_->outputs(), shape.classes, rng, options.last_layer(), options.head));
  }
  at::Tensor features(const at::Tensor& x) override { return full_precision(trunk_->forward(options_.scaled(x))); }
  at::Tensor head(const at::Tensor& h, const at::Tensor& y) override { return head_->forward(h, y); }
  bool classifies() const override { return head_->classifies(); }
  at::Tensor class_logits(const at::Tensor& h) override { return head_->class_logits(h); }
  at::Tensor forward(const at::Tensor& x, const at::Tensor& y) override {
    const std::optional<DenseStack> stack = as_stack();
    return stack ? dense_stack(*stack, options_.scaled(x)).squeeze(1) : Discriminator::forward(x, y);
  }
  std::pair<at::Tensor, at::Tensor> forward_with_gradient(const at::Tensor& x, const at::Tensor& y,
                                                          at::Tensor* features_out) override {
    const std::optional<DenseStack> stack = as_stack();
    if (!stack || features_out) return Discriminator::forward_with_gradient(x, y, features_out);
    const auto [logits, slope] = dense_stack_with_gradient(*stack, options_.scaled(x));
    return {logits.squeeze(1), (options_.scale == 1 ? slope : slope / options_.scale).view(x.sizes())};
  }
  bool mixes_samples() const override { return trunk_->mixes_samples() || mixes_in_head_; }

 private:
  std::optional<DenseStack> as_stack() const {
    return head_->is_linear() ? trunk_->with(head_->linear()) : std::nullopt;
  }

  MlpOptions options_;
  bool mixes_in_head_;
  std::shared_ptr<DenseTrunk> trunk_;
  std::shared_ptr<LogitHead> head_;
};

class MlpEncoder : public Encoder {
 public:
  MlpEncoder(const MlpOptions& options, const NetworkShape& shape, Rng& rng) : options_(options) {
    trunk_ = child("trunk", std::make_shared<DenseTrunk>(options, numbers(shape.domain), rng));
    head_ = child("head",
                  std::make_shared<CodeHead>(trunk_->outputs(), shape.z_dim, shape.classes, rng, options.last_layer()));
  }
  at::Tensor features(const at::Tensor& x) override { return full_precision(trunk_->forward(options_.scaled(x))); }
  at::Tensor head(const at::Tensor& h, const at::Tensor& y) override { return head_->forward(h, y); }
  std::optional<DenseLayers> dense_layers() const override {
    if (!head_->is_linear()) return {};
    std::optional<DenseLayers> layers = trunk_->numbers_with(head_->linear());
    if (layers) layers->offset = options_.offset, layers->scale = options_.scale;
    return layers;
  }

 private:
  MlpOptions options_;
  std::shared_ptr<DenseTrunk> trunk_;
  std::shared_ptr<CodeHead> head_;
};

class MlpJointDiscriminator : public JointDiscriminator {
 public:
  MlpJointDiscriminator(const JointMlpOptions& options, const NetworkShape& shape, Rng& rng) : options_(options) {
    trunk_ = child("trunk", std::make_shared<DenseTrunk>(options, numbers(shape.domain), rng));
    pair_ = child("pair", std::make_shared<PairHead>(options.pair, trunk_->outputs(), shape, rng));
  }
  at::Tensor features(const at::Tensor& x) override { return full_precision(trunk_->forward(options_.scaled(x))); }
  at::Tensor pair_features(const at::Tensor& h, const at::Tensor& z) override { return pair_->features(h, z); }
  at::Tensor head(const at::Tensor& h, const at::Tensor& z, const at::Tensor& y) override {
    return pair_->forward(h, z, y);
  }
  bool mixes_samples() const override { return trunk_->mixes_samples() || pair_->mixes_samples(); }

 private:
  MlpOptions options_;
  std::shared_ptr<DenseTrunk> trunk_;
  std::shared_ptr<PairHead> pair_;
};

constexpr const char* kSource = "multilayer perceptron on points or flattened images; Goodfellow 2014";

}  // namespace

NetworkRow<Generator> mlp_generator() { return network_row<Generator, MlpGenerator, MlpOptions>("mlp", kSource); }
NetworkRow<Discriminator> mlp_discriminator() {
  return network_row<Discriminator, MlpDiscriminator, MlpDiscriminatorOptions>("mlp", kSource);
}
NetworkRow<Encoder> mlp_encoder() { return network_row<Encoder, MlpEncoder, MlpOptions>("mlp", kSource); }
NetworkRow<JointDiscriminator> mlp_joint_discriminator() {
  return network_row<JointDiscriminator, MlpJointDiscriminator, JointMlpOptions>("mlp", kSource);
}

}  // namespace obverse
