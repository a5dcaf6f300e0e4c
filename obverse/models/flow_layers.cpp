#include "obverse/models/flow_layers.h"

#include <ATen/ATen.h>

#include <cmath>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"

namespace obverse {
namespace {

// [C] shaped so that it multiplies x [N, C, ...].
at::Tensor by_channel(const at::Tensor& values, const at::Tensor& x) {
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
  shape[1] = -1;
  return values.view(shape);
}

double positions(const at::Tensor& x) { return static_cast<double>(x.numel() / (x.size(0) * x.size(1))); }

at::Tensor same_for_all(const at::Tensor& log_det, const at::Tensor& x) { return log_det.expand({x.size(0)}); }

constexpr double kLargestLogScale = 5;

// Residual blocks of convolutions, to twice the channels of x; the last one starts at 0.
class ImageNetwork : public Module {
 public:
  ImageNetwork(int64_t channels, int64_t width, int64_t blocks, Rng& rng) {
    const LayerOptions hidden{true, Init::he(0)}, zero{true, Init::zero()};
    in_ = child("in", std::make_shared<Conv2d>(channels, width, rng, ConvOptions{hidden, 3, 1, 1, 1}));
    for (int64_t i = 0; i < 2 * blocks; ++i)
      convs_.push_back(child("conv" + std::to_string(i),
                             std::make_shared<Conv2d>(width, width, rng, ConvOptions{hidden, 3, 1, 1, 1})));
    out_ = child("out", std::make_shared<Conv2d>(width, 2 * channels, rng, ConvOptions{zero, 3, 1, 1, 1}));
  }
  at::Tensor forward(const at::Tensor& x) {
    at::Tensor h = in_->forward(x.contiguous(placement().memory_format));
    for (size_t i = 0; i < convs_.size(); i += 2)
      h = h + 0.1 * convs_[i + 1]->forward(at::relu(convs_[i]->forward(at::relu(h))));
    return full_precision(out_->forward(at::relu(h)));
  }

 private:
  std::shared_ptr<Conv2d> in_, out_;
  std::vector<std::shared_ptr<Conv2d>> convs_;
};

class DenseNetwork : public Module {
 public:
  DenseNetwork(int64_t numbers, const DenseOptions& options, Rng& rng) {
    trunk_ = child("trunk", std::make_shared<DenseTrunk>(options, numbers, rng));
    out_ =
        child("out", std::make_shared<Linear>(trunk_->outputs(), 2 * numbers, rng, LayerOptions{true, Init::zero()}));
  }
  at::Tensor forward(const at::Tensor& x) { return full_precision(out_->forward(trunk_->forward(x))); }

 private:
  std::shared_ptr<DenseTrunk> trunk_;
  std::shared_ptr<Linear> out_;
};

template <class Net>
std::shared_ptr<Coupling> coupling_by(at::Tensor mask, std::shared_ptr<Net> network) {
  return std::make_shared<Coupling>(std::move(mask), network,
                                    [raw = network.get()](const at::Tensor& x) { return raw->forward(x); });
}

}  // namespace

Actnorm::Actnorm(int64_t channels) {
  parameter("log_scale", log_scale_, at::zeros({channels}));
  parameter("shift", shift_, at::zeros({channels}));
  buffer("initialised", initialised_, at::zeros({1}));
}

Flowed Actnorm::forward(const at::Tensor& x) {
  if (tracking() && initialised_.item<double>() == 0) {
    without_grad([&] {
      const at::Tensor rows = x.transpose(0, 1).flatten(1);  // [C, N ...]
      shift_.copy_(-rows.mean(1));
      if (rows.size(1) > 1) log_scale_.copy_(-(rows.std(1) + 1e-6).log());
      initialised_.fill_(1);
      return 0;
    });
  }
  const at::Tensor value = (x + by_channel(shift_, x)) * by_channel(log_scale_.exp(), x);
  return {value, same_for_all(positions(x) * log_scale_.sum(), x)};
}

at::Tensor Actnorm::inverse(const at::Tensor& z) {
  return z * by_channel((-log_scale_).exp(), z) - by_channel(shift_, z);
}

Coupling::Coupling(at::Tensor mask, std::shared_ptr<Module> module, Network network)
    : mask_(mask.unsqueeze(0)), network_(std::move(network)) {
  child("network", std::move(module));
  parameter("gain", gain_, at::ones({}));
}

std::pair<at::Tensor, at::Tensor> Coupling::scale_and_shift(const at::Tensor& x) {
  const at::Tensor mask = mask_.to(x.scalar_type());
  const auto parts = network_(x * mask).chunk(2, 1);
  const at::Tensor open = 1 - mask;
  return {open * gain_ * parts[0].tanh(), open * parts[1]};
}

Flowed Coupling::forward(const at::Tensor& x) {
  const auto [log_scale, shift] = scale_and_shift(x);
  return {x * log_scale.exp() + shift, log_scale.flatten(1).sum(1)};
}

at::Tensor Coupling::inverse(const at::Tensor& z) {
  const auto [log_scale, shift] = scale_and_shift(z);  // reads only what was left as it is
  return (z - shift) * (-log_scale).exp();
}

std::shared_ptr<Coupling> dense_coupling(at::Tensor mask, const DenseOptions& options, Rng& rng) {
  const auto network = std::make_shared<DenseNetwork>(mask.numel(), options, rng);
  return coupling_by(std::move(mask), network);
}

std::shared_ptr<Coupling> image_coupling(at::Tensor mask, int64_t width, int64_t blocks, Rng& rng) {
  const auto network = std::make_shared<ImageNetwork>(mask.size(0), width, blocks, rng);
  return coupling_by(std::move(mask), network);
}

ChannelMix::ChannelMix(int64_t channels, Rng& rng) {
  const at::Tensor rotation = std::get<0>(at::linalg_qr(rng.normal({channels, channels}).to(at::kDouble)));
  const auto [p, l, u] = at::linalg_lu(rotation);
  const at::Tensor s = u.diagonal();
  buffer("permutation", permutation_, p.to(at::kFloat).contiguous());
  buffer("sign", sign_, s.sign().to(at::kFloat));
  parameter("lower", lower_, l.tril(-1).to(at::kFloat).contiguous());
  parameter("upper", upper_, u.triu(1).to(at::kFloat).contiguous());
  parameter("log_s", log_s_, s.abs().log().to(at::kFloat));
}

at::Tensor ChannelMix::lower() const { return lower_.tril(-1) + at::eye(lower_.size(0), lower_.options()); }
at::Tensor ChannelMix::upper() const { return upper_.triu(1) + at::diag(sign_ * log_s_.exp()); }

Flowed ChannelMix::forward(const at::Tensor& x) {
  const at::Tensor w = at::matmul(permutation_, at::matmul(lower(), upper()));  // [C, C]
  const at::Tensor value = at::matmul(w, x.reshape({x.size(0), x.size(1), -1}));
  return {value.view(x.sizes()), same_for_all(positions(x) * log_s_.sum(), x)};
}

at::Tensor ChannelMix::inverse(const at::Tensor& z) {
  const at::Tensor flat = z.reshape({z.size(0), z.size(1), -1});
  const at::Tensor below = at::linalg_solve_triangular(lower(), at::matmul(permutation_.t(), flat), false, true, true);
  return at::linalg_solve_triangular(upper(), below, true, true, false).view(z.sizes());
}

Flowed Squeeze::forward(const at::Tensor& x) {
  return {at::pixel_unshuffle(x, 2), at::zeros({x.size(0)}, x.options())};
}

at::Tensor Squeeze::inverse(const at::Tensor& z) { return at::pixel_shuffle(z, 2); }

Autoregressive::Autoregressive(int64_t numbers, const MadeOptions& options, bool reversed, Rng& rng)
    : numbers_(numbers) {
  made_ = child("made", std::make_shared<Made>(numbers, 2, options, reversed, rng));
}

std::pair<at::Tensor, at::Tensor> Autoregressive::shift_and_log_scale(const at::Tensor& x) {
  const at::Tensor output = made_->forward(x);  // [N, 2, D]
  return {output.select(1, 0), kLargestLogScale * at::tanh(output.select(1, 1) / kLargestLogScale)};
}

Flowed Autoregressive::forward(const at::Tensor& x) {
  const auto [shift, log_scale] = shift_and_log_scale(x);
  return {(x - shift) * (-log_scale).exp(), -log_scale.sum(1)};
}

// The i-th pass gets the i-th number right, whatever the order.
at::Tensor Autoregressive::inverse(const at::Tensor& z) {
  at::Tensor x = at::zeros_like(z);
  for (int64_t i = 0; i < numbers_; ++i) {
    const auto [shift, log_scale] = shift_and_log_scale(x);
    x = z * log_scale.exp() + shift;
  }
  return x;
}

InverseAutoregressive::InverseAutoregressive(int64_t numbers, const MadeOptions& options, bool reversed, Rng& rng) {
  layer_ = child("layer", std::make_shared<Autoregressive>(numbers, options, reversed, rng));
}

Flowed InverseAutoregressive::forward(const at::Tensor& x) {
  const at::Tensor z = layer_->inverse(x);
  return {z, -layer_->forward(z).log_det};
}

void MultiScale::add(const std::string& name, std::shared_ptr<Transform> stage, std::vector<int64_t> shape) {
  stages_.push_back(child(name, std::move(stage)));
  shapes_.push_back(std::move(shape));
}

Flowed MultiScale::forward(const at::Tensor& x) {
  Flowed at_hand{x, at::zeros({x.size(0)}, x.options())};
  std::vector<at::Tensor> code;
  for (size_t i = 0; i < stages_.size(); ++i) {
    const Flowed next = stages_[i]->forward(at_hand.value);
    at_hand = {next.value, at_hand.log_det + next.log_det};
    if (i + 1 == stages_.size()) break;
    const auto halves = at_hand.value.chunk(2, 1);
    code.push_back(halves[0].flatten(1));
    at_hand.value = halves[1];
  }
  code.push_back(at_hand.value.flatten(1));
  return {at::cat(code, 1), at_hand.log_det};
}

at::Tensor MultiScale::inverse(const at::Tensor& z) {
  std::vector<int64_t> sizes;  // of the parts of the code
  for (size_t i = 0; i < shapes_.size(); ++i) {
    const int64_t numbers = shapes_[i][0] * shapes_[i][1] * shapes_[i][2];
    sizes.push_back(i + 1 == shapes_.size() ? numbers : numbers / 2);
  }
  const auto parts = z.split_with_sizes(sizes, 1);
  at::Tensor x;
  for (size_t i = shapes_.size(); i-- > 0;) {
    const bool last = i + 1 == shapes_.size();
    const at::Tensor part =
        parts[i].reshape({z.size(0), last ? shapes_[i][0] : shapes_[i][0] / 2, shapes_[i][1], shapes_[i][2]});
    x = stages_[i]->inverse(last ? part : at::cat({part, x}, 1));
  }
  return x;
}

at::Tensor checkerboard_mask(const std::vector<int64_t>& shape, bool odd) {
  const at::Tensor sum = at::arange(shape[1]).unsqueeze(1) + at::arange(shape[2]).unsqueeze(0);
  return (sum.remainder(2) == (odd ? 1 : 0)).to(at::kFloat).expand(shape).contiguous();
}

at::Tensor half_mask(const std::vector<int64_t>& shape, bool second) {
  at::Tensor mask = at::zeros(shape);
  const int64_t half = (shape[0] + 1) / 2;
  (second ? mask.slice(0, half) : mask.slice(0, 0, half)).fill_(1);
  return mask;
}

}  // namespace obverse
