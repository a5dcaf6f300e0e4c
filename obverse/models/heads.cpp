#include "obverse/models/heads.h"

#include <ATen/ATen.h>

namespace obverse {

LogitHead::LogitHead(int64_t features, int64_t classes, Rng& rng, const LayerOptions& options) {
  linear_ = child("linear", std::make_shared<Linear>(features, 1, rng, options));
  if (classes > 0) projection_ = child("projection", std::make_shared<Embedding>(classes, features, rng, options));
}

at::Tensor LogitHead::forward(const at::Tensor& h, const at::Tensor& y) {
  const at::Tensor logits = full_precision(linear_->forward(h)).squeeze(1);
  return projection_ ? logits + (projection_->forward(y) * h).sum(1) : logits;
}

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
