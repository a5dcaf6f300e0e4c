#include "obverse/models/made.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "obverse/core/table.h"

namespace obverse {

void MadeOptions::describe(Fields& f) {
  f("widths", widths, "hidden layers, from input to output", {1, 65536});
  f("activation", activation, "after each hidden layer", names(activation_table()));
}

MaskedLinear::MaskedLinear(at::Tensor mask, const Init& init, Rng& rng) : mask_(std::move(mask)) {
  const int64_t inputs = std::max<int64_t>(1, static_cast<int64_t>(mask_.sum(1).mean().item<double>()));
  parameter("weight", weight_, draw_weight(mask_.sizes(), inputs, init, rng));
  parameter("bias", bias_, at::zeros({mask_.size(0)}));
}

at::Tensor MaskedLinear::forward(const at::Tensor& x) { return at::linear(x, weight(), bias_); }

at::Tensor MaskedLinear::weight() const { return weight_ * mask_.to(weight_.scalar_type()); }

Made::Made(int64_t numbers, int64_t outputs, const MadeOptions& options, bool reversed, Rng& rng)
    : numbers_(numbers),
      outputs_(outputs),
      activation_(find_row(activation_table(), "activation", options.activation)) {
  const at::Tensor order = reversed ? at::arange(numbers, 0, -1, at::kLong) : at::arange(1, numbers + 1, at::kLong);
  at::Tensor degrees = order;  // of the units of the layer at hand
  for (const int64_t width : options.widths) {
    const at::Tensor next = at::arange(width, at::kLong).remainder(std::max<int64_t>(1, numbers - 1)) + 1;
    const at::Tensor mask = (next.unsqueeze(1) >= degrees.unsqueeze(0)).to(at::kFloat);
    layers_.push_back(child("linear" + std::to_string(layers_.size()),
                            std::make_shared<MaskedLinear>(mask, Init::he(options.activation == "relu" ? 0 : 1), rng)));
    degrees = next;
  }
  const at::Tensor mask = (order.unsqueeze(1) > degrees.unsqueeze(0)).to(at::kFloat).repeat({outputs, 1});
  layers_.push_back(child("out", std::make_shared<MaskedLinear>(mask, Init::zero(), rng)));
}

DenseLayers Made::dense_layers() const {
  DenseLayers result;
  for (const auto& layer : layers_) result.weights.push_back(layer->weight()), result.biases.push_back(layer->bias());
  result.activation = activation_.name;
  return result;
}

at::Tensor Made::forward(const at::Tensor& x) {
  at::Tensor h = x;
  for (size_t i = 0; i + 1 < layers_.size(); ++i) h = activation_.apply(layers_[i]->forward(h));
  return layers_.back()->forward(h).view({-1, outputs_, numbers_});
}

}  // namespace obverse
