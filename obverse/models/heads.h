#pragma once

#include "obverse/layers/linear.h"

namespace obverse {

/// Features to logits; with classes the projection of Miyato 2018 (cGANs with projection discriminator, eq. 3):
/// w . h + b + <V_y, h>.
class LogitHead : public Module {
 public:
  LogitHead(int64_t features, int64_t classes, Rng& rng, const LayerOptions& options = {});
  at::Tensor forward(const at::Tensor& h, const at::Tensor& y);  // [N, F], [N] -> [N] float32
  const Linear& linear() const { return *linear_; }

 private:
  std::shared_ptr<Linear> linear_;
  std::shared_ptr<Embedding> projection_;
};

/// Features to codes; with classes a learned offset a class.
class CodeHead : public Module {
 public:
  CodeHead(int64_t features, int64_t z_dim, int64_t classes, Rng& rng, const LayerOptions& options = {});
  at::Tensor forward(const at::Tensor& h, const at::Tensor& y);  // [N, F], [N] -> [N, z_dim] float32

 private:
  std::shared_ptr<Linear> linear_;
  std::shared_ptr<Embedding> offset_;
};

/// Latent codes with, when there are classes, a learned vector a class appended.
class LabelledCode : public Module {
 public:
  LabelledCode(int64_t z_dim, int64_t classes, int64_t width, Rng& rng);
  int64_t size() const { return size_; }
  at::Tensor forward(const at::Tensor& z, const at::Tensor& y);  // [N, z_dim], [N] -> [N, size]

 private:
  int64_t size_;
  std::shared_ptr<Embedding> embedding_;
};

}  // namespace obverse
