#include "obverse/models/heads.h"

#include <ATen/ATen.h>

#include "obverse/layers/bias_unit.h"

namespace obverse {

void LogitHeadOptions::describe(Fields& f) {
  f("conditioning", conditioning, "how it is told the class, where the game is conditional",
    {"projection", "concatenation", "auxiliary"});
  f("minibatch_kernels", minibatch_kernels, "features of how close the rest of the batch is; 0: none", {0, 4096});
  f("minibatch_numbers", minibatch_numbers, "numbers that each of these kernels compares", {1, 4096});
}

LogitHead::LogitHead(int64_t features, int64_t classes, Rng& rng, const LayerOptions& options,
                     const LogitHeadOptions& head) {
  if (classes > 0 && head.conditioning == "auxiliary")
    classifier_ = child("classifier", std::make_shared<Linear>(features, classes, rng, options));
  if (head.minibatch_kernels > 0) {
    minibatch_ = child("minibatch", std::make_shared<MinibatchDiscrimination>(
                                        features, head.minibatch_kernels, head.minibatch_numbers, options.init, rng));
    features += head.minibatch_kernels;
  }
  if (classes > 0 && head.conditioning == "concatenation") {
    label_ = child("label", std::make_shared<Embedding>(classes, features, rng, options));
    hidden_ = child("hidden", std::make_shared<Linear>(2 * features, features, rng, options));
  }
  linear_ = child("linear", std::make_shared<Linear>(features, 1, rng, options));
  if (classes > 0 && head.conditioning == "projection")
    projection_ = child("projection", std::make_shared<Embedding>(classes, features, rng, options));
}

at::Tensor LogitHead::forward(const at::Tensor& features, const at::Tensor& y) {
  at::Tensor h = minibatch_ ? minibatch_->forward(features) : features;
  if (hidden_) {
    at::Tensor label = label_->forward(y);
    if (BiasUnit::current().defined()) label = label * BiasUnit::current().unsqueeze(1);  // it enters as biases do
    h = at::leaky_relu(full_precision(hidden_->forward(at::cat({h, label}, 1))), 0.2);
  }
  const at::Tensor logits = full_precision(linear_->forward(h)).squeeze(1);
  return projection_ ? logits + (projection_->forward(y) * h).sum(1) : logits;
}

at::Tensor LogitHead::class_logits(const at::Tensor& h) { return full_precision(classifier_->forward(h)); }

CodeHead::CodeHead(int64_t features, int64_t z_dim, int64_t classes, Rng& rng, const LayerOptions& options) {
  linear_ = child("linear", std::make_shared<Linear>(features, z_dim, rng, options));
  if (classes > 0) offset_ = child("offset", std::make_shared<Embedding>(classes, z_dim, rng, options));
}

at::Tensor CodeHead::forward(const at::Tensor& h, const at::Tensor& y) {
  const at::Tensor code = full_precision(linear_->forward(h));
  return offset_ ? code + offset_->forward(y) : code;
}

LabelledCode::LabelledCode(int64_t z_dim, int64_t classes, int64_t width, Rng& rng) : size_(z_dim) {
  if (classes == 0) return;
  embedding_ =
      child("embedding", std::make_shared<Embedding>(classes, width, rng, LayerOptions{false, Init::normal(1)}));
  size_ += width;
}

at::Tensor LabelledCode::forward(const at::Tensor& z, const at::Tensor& y) {
  if (!embedding_) return z;
  const at::Tensor label = embedding_->forward(y);
  return at::cat({z, label}, 1);
}

}  // namespace obverse
