#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

namespace obverse {

/// A network of dense layers as its numbers, for those who compute it in an arithmetic of their own: what comes in is
/// taken as (x - offset) / scale, then W x + b layer by layer, with the activation after all but the last.
struct DenseLayers {
  std::vector<at::Tensor> weights;  // [outputs, inputs] float32
  std::vector<at::Tensor> biases;   // [outputs]
  std::string activation;           // a row of activation_table()
  double offset = 0, scale = 1;
};

/// What a model codes images with, pixel by pixel: p(x | z) and q(z | x) of a VAE, or p(x) of an autoregressive model.
struct CodingNetworks {
  DenseLayers decoder;     // code to the numbers of `likelihood`; autoregressive: pixels in [-1, 1] to logits
  DenseLayers encoder;     // images in [-1, 1] to means, then log standard deviations; autoregressive: no layers
  std::string likelihood;  // a row of likelihood_table()
  double log_scale = 0;    // where the likelihood has one
};

}  // namespace obverse
