#include "obverse/models/pair_head.h"

#include <ATen/ATen.h>

#include "obverse/core/table.h"

namespace obverse {

void PairHeadOptions::describe(Fields& f) {
  f("code_widths", code_widths, "hidden layers on the code before it meets the data's features; empty: none",
    {1, 65536});
  f("widths", widths, "hidden layers on features and code together", {1, 65536});
  f("activation", activation, "after each hidden layer", names(activation_table()));
  f("batch_norm", batch_norm, "normalise the layers on both over the batch");
  f("norm_gain", norm_gain, "batch_norm learns a gain and a bias for each number");
  f("init_std", init_std, "standard deviation of initial weights; 0: He's, by fan-in", kNotNegative);
  f("zero_init", zero_init, "the weights of the logit start at zero: at first every pair looks alike");
  f("frequencies", frequencies, "sines and cosines of so many random projections beside the code; 0: none", {0, 65536});
  f("max_frequency", max_frequency, "longest projection, radians a unit of code; lengths are log-uniform from 1",
    kPositive);
}

PairHead::PairHead(const PairHeadOptions& o, int64_t features, const NetworkShape& shape, Rng& rng)
    : mixes_samples_(o.batch_norm) {
  DenseOptions layers;
  layers.activation = o.activation;
  layers.init_std = o.init_std;
  layers.widths = o.code_widths;
  layers.frequencies = o.frequencies;
  layers.max_frequency = o.max_frequency;
  code_ = child("code", std::make_shared<DenseTrunk>(layers, shape.z_dim, rng));
  layers.widths = o.widths;
  layers.frequencies = 0;
  layers.batch_norm = o.batch_norm;
  layers.norm_gain = o.norm_gain;
  const int64_t inputs = features + code_->outputs();
  both_ = child("both", std::make_shared<DenseTrunk>(layers, inputs, rng));
  LayerOptions last = layers.last_layer();
  if (o.zero_init) last.init = Init::zero();
  head_ = child("head", std::make_shared<LogitHead>(both_->outputs(), shape.classes, rng, last));
}

at::Tensor PairHead::features(const at::Tensor& h, const at::Tensor& z) {
  const at::Tensor code = full_precision(code_->forward(z));
  return full_precision(both_->forward(at::cat({h, code}, 1)));
}

at::Tensor PairHead::forward(const at::Tensor& h, const at::Tensor& z, const at::Tensor& y) {
  return head_->forward(features(h, z), y);
}

}  // namespace obverse
