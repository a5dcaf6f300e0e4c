#pragma once

#include <functional>

#include "obverse/layers/convolution.h"
#include "obverse/models/dense_trunk.h"
#include "obverse/models/flow.h"
#include "obverse/models/made.h"

namespace obverse {

/// A scale and a shift a channel, set by its first batch in training so that what leaves it has mean 0 and variance 1:
/// Kingma 2018 (Glow), section 3.1. x: [N, C, ...].
class Actnorm : public Transform {
 public:
  explicit Actnorm(int64_t channels);
  Flowed forward(const at::Tensor& x) override;
  at::Tensor inverse(const at::Tensor& z) override;

 private:
  at::Tensor log_scale_, shift_, initialised_;  // [C], [C], [1]: 0 or 1
};

/// Part of a sample is scaled and shifted by what a network makes of the rest: Dinh 2017 (RealNVP), eq. 7 to 9. The
/// logarithms of the scales are a tanh times a learned number, at first 0.
class Coupling : public Transform {
 public:
  /// mask: the shape of a sample, 1 where it stays and 0 where it is transformed. network: [N, ...] to log scales and
  /// shifts [N, 2 ...], side by side in dimension 1.
  using Network = std::function<at::Tensor(const at::Tensor&)>;
  Coupling(at::Tensor mask, std::shared_ptr<Module> module, Network network);
  Flowed forward(const at::Tensor& x) override;
  at::Tensor inverse(const at::Tensor& z) override;

 private:
  std::pair<at::Tensor, at::Tensor> scale_and_shift(const at::Tensor& x);  // both 0 where the mask is 1
  at::Tensor mask_, gain_;
  Network network_;
};

/// A coupling of points, by dense layers with an output that starts at 0.
std::shared_ptr<Coupling> dense_coupling(at::Tensor mask, const DenseOptions& options, Rng& rng);
/// A coupling of images [C, H, W], by residual blocks of two 3x3 convolutions of `width` channels between others.
std::shared_ptr<Coupling> image_coupling(at::Tensor mask, int64_t width, int64_t blocks, Rng& rng);

/// Channels mixed by a matrix P L (U + diag(s)), of which P and the signs of s are fixed: Kingma 2018, section 3.2.
/// x: [N, C, ...]. It starts as a random rotation.
class ChannelMix : public Transform {
 public:
  ChannelMix(int64_t channels, Rng& rng);
  Flowed forward(const at::Tensor& x) override;
  at::Tensor inverse(const at::Tensor& z) override;

 private:
  at::Tensor lower() const;  // [C, C], unit diagonal
  at::Tensor upper() const;  // [C, C], with s on its diagonal
  at::Tensor permutation_, lower_, upper_, log_s_, sign_;
};

/// 2x2 pixels become channels: [N, C, H, W] -> [N, 4 C, H / 2, W / 2].
class Squeeze : public Transform {
 public:
  Flowed forward(const at::Tensor& x) override;
  at::Tensor inverse(const at::Tensor& z) override;
};

/// Each number scaled and shifted by what a masked network makes of those before it: Papamakarios 2017 (MAF), eq. 3 and
/// 4. Forward is one pass, inverse as many as a sample has numbers. x: [N, D].
class Autoregressive : public Transform {
 public:
  Autoregressive(int64_t numbers, const MadeOptions& options, bool reversed, Rng& rng);
  Flowed forward(const at::Tensor& x) override;
  at::Tensor inverse(const at::Tensor& z) override;

 private:
  std::pair<at::Tensor, at::Tensor> shift_and_log_scale(const at::Tensor& x);
  int64_t numbers_;
  std::shared_ptr<Made> made_;
};

/// The same bijection the other way round: Kingma 2016 (IAF). Sampling is one pass, forward many.
class InverseAutoregressive : public Transform {
 public:
  InverseAutoregressive(int64_t numbers, const MadeOptions& options, bool reversed, Rng& rng);
  Flowed forward(const at::Tensor& x) override;
  at::Tensor inverse(const at::Tensor& z) override { return layer_->forward(z).value; }

 private:
  std::shared_ptr<Autoregressive> layer_;
};

/// Stages of an image, between which half the channels leave as part of the code: Dinh 2017, section 3.6.
class MultiScale : public Transform {
 public:
  /// shape: {C, H, W} of the image. Each stage maps what the one before left over.
  explicit MultiScale(std::vector<int64_t> shape) : shape_(std::move(shape)) {}
  /// shape: {C, H, W} of what leaves the stage.
  void add(const std::string& name, std::shared_ptr<Transform> stage, std::vector<int64_t> shape);
  Flowed forward(const at::Tensor& x) override;
  at::Tensor inverse(const at::Tensor& z) override;

 private:
  std::vector<int64_t> shape_;
  std::vector<std::shared_ptr<Transform>> stages_;
  std::vector<std::vector<int64_t>> shapes_;
};

/// 1 where the row and column (of any channel) add up to an even number, or an odd one. shape: {C, H, W}.
at::Tensor checkerboard_mask(const std::vector<int64_t>& shape, bool odd);
/// 1 in the first half of the channels, or the second. shape: {C, ...}.
at::Tensor half_mask(const std::vector<int64_t>& shape, bool second);

}  // namespace obverse
