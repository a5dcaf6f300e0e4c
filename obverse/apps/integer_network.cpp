#include "obverse/apps/integer_network.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "obverse/apps/fixed_point.h"
#include "obverse/core/error.h"

namespace obverse {
namespace {

constexpr int kWeightBits = 16;
constexpr double kActivationUnit = 1 << kActivationBits, kWeightUnit = 1 << kWeightBits;
constexpr double kMostActivation = 256 * kActivationUnit;  // 2^22
constexpr double kMostSum = 9007199254740992.0;            // 2^53

// Elementwise operations round each number on its own, so that they too are the same everywhere.
at::Tensor whole(const at::Tensor& x, double unit) { return at::floor(x.to(at::kDouble) * unit + 0.5); }

// In 2^-30 -> in 2^-14.
at::Tensor settled(const at::Tensor& sums) {
  return at::floor((sums + 0.5 * kWeightUnit) * (1 / kWeightUnit)).clamp(-kMostActivation, kMostActivation);
}

at::Tensor leaky(const at::Tensor& x) {  // a fifth, in 2^-16
  return at::where(x < 0, at::floor(x * 13107.0 * (1.0 / 65536)), x);
}

at::Tensor tanh_of(const at::Tensor& x) {
  at::Tensor y = x.contiguous().clone();
  double* numbers = y.data_ptr<double>();
  for (int64_t i = 0; i < y.numel(); ++i)
    numbers[i] = static_cast<double>(integer_tanh(static_cast<int64_t>(numbers[i])));
  return y;
}

}  // namespace

IntegerNetwork::IntegerNetwork(const DenseLayers& layers, const std::string& where) : activation_(layers.activation) {
  if (activation_ != "relu" && activation_ != "leaky_relu" && activation_ != "tanh" && layers.weights.size() > 1)
    fail("{}: lossless coding has no integer form of the activation {}: train with relu, leaky_relu or tanh", where,
         activation_);
  for (size_t i = 0; i < layers.weights.size(); ++i) {
    const at::Tensor weight = whole(layers.weights[i], kWeightUnit);
    const at::Tensor bias = whole(layers.biases[i], kWeightUnit * kActivationUnit);
    const double most = (weight.abs().sum(1) * kMostActivation + bias.abs()).max().item<double>();
    if (!(most < 0.25 * kMostSum)) fail("{}: its weights are not finite, or too large to compute with integers", where);
    weights_.push_back(weight.t().contiguous());
    biases_.push_back(bias);
  }
  for (int level = 0; level < 256; ++level) {
    const double x = ((2 * level - 255) / 255.0 - layers.offset) / layers.scale;
    levels_.push_back(std::clamp(std::floor(x * kActivationUnit + 0.5), -kMostActivation, kMostActivation));
  }
}

at::Tensor IntegerNetwork::activate(const at::Tensor& sums) const {
  const at::Tensor x = settled(sums);
  if (activation_ == "relu") return x.clamp_min(0);
  return activation_ == "tanh" ? tanh_of(x) : leaky(x);
}

at::Tensor IntegerNetwork::forward(const at::Tensor& input) const {
  at::Tensor sums = at::mm(input, weights_[0]) + biases_[0];
  for (size_t i = 1; i < weights_.size(); ++i) sums = at::mm(activate(sums), weights_[i]) + biases_[i];
  return settled(sums);
}

at::Tensor IntegerNetwork::of_images(const at::Tensor& images) const {
  return at::tensor(levels_, at::kDouble).index_select(0, images.flatten().to(at::kLong)).view({images.size(0), -1});
}

at::Tensor IntegerNetwork::empty_sums(int64_t n) const { return biases_[0].expand({n, -1}).clone(); }

void IntegerNetwork::add_input(at::Tensor& sums, int64_t index, const at::Tensor& values) const {
  sums.addr_(values, weights_[0].select(0, index));
}

at::Tensor IntegerNetwork::output(const at::Tensor& sums, int64_t index) const {
  if (weights_.size() == 1) return settled(sums.select(1, index));
  at::Tensor h = activate(sums);
  for (size_t i = 1; i + 1 < weights_.size(); ++i) h = activate(at::mm(h, weights_[i]) + biases_[i]);
  return settled(at::mv(h, weights_.back().select(1, index)) + biases_.back()[index]);
}

}  // namespace obverse
