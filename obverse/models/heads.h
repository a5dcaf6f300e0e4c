#pragma once

#include "obverse/layers/linear.h"
#include "obverse/layers/minibatch_discrimination.h"
#include "obverse/recipe/fields.h"

namespace obverse {

/// The last part of a discriminator.
struct LogitHeadOptions : Options {
  std::string conditioning = "projection";
  int64_t minibatch_kernels = 0;
  int64_t minibatch_numbers = 5;
  void describe(Fields& f) override;
  bool mixes_samples() const { return minibatch_kernels > 0; }
};

/// Features to logits, with minibatch discrimination where asked for. With classes, by `conditioning`:
///   projection     w . h + b + <V_y, h>; Miyato 2018 (cGANs with projection discriminator), eq. 3
///   concatenation  features and a learned vector of the class through a hidden layer; Mirza 2014, section 4
///   auxiliary      logits know nothing of classes, which are guessed from the same features; Odena 2017 (AC-GAN)
class LogitHead : public Module {
 public:
  LogitHead(int64_t features, int64_t classes, Rng& rng, const LayerOptions& options = {},
            const LogitHeadOptions& head = {});
  at::Tensor forward(const at::Tensor& h, const at::Tensor& y);  // [N, F], [N] -> [N] float32
  /// The auxiliary classifier's logits [N, classes] from h [N, F].
  at::Tensor class_logits(const at::Tensor& h);
  bool classifies() const { return classifier_ != nullptr; }
  /// Whether it is nothing but a linear layer.
  bool is_linear() const { return !projection_ && !hidden_ && !minibatch_; }
  const Linear& linear() const { return *linear_; }

 private:
  std::shared_ptr<MinibatchDiscrimination> minibatch_;
  std::shared_ptr<Linear> linear_, hidden_, classifier_;
  std::shared_ptr<Embedding> projection_, label_;
};

/// Features to codes; with classes a learned offset a class.
class CodeHead : public Module {
 public:
  CodeHead(int64_t features, int64_t z_dim, int64_t classes, Rng& rng, const LayerOptions& options = {});
  at::Tensor forward(const at::Tensor& h, const at::Tensor& y);  // [N, F], [N] -> [N, z_dim] float32
  bool is_linear() const { return !offset_; }                    // and nothing else
  const Linear& linear() const { return *linear_; }

 private:
  std::shared_ptr<Linear> linear_;
  std::shared_ptr<Embedding> offset_;
};

/// Latent codes with, when there are classes, a learned vector a class appended.
class LabelledCode : public Module {
 public:
  LabelledCode(int64_t z_dim, int64_t classes, int64_t width, Rng& rng);
  int64_t size() const { return size_; }
  bool labelled() const { return embedding_ != nullptr; }
  at::Tensor forward(const at::Tensor& z, const at::Tensor& y);  // [N, z_dim], [N] -> [N, size]

 private:
  int64_t size_;
  std::shared_ptr<Embedding> embedding_;
};

}  // namespace obverse
