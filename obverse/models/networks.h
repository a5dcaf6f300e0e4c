#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "obverse/data/dataset.h"
#include "obverse/layers/module.h"
#include "obverse/recipe/fields.h"

namespace obverse {

/// What a network is built for.
struct NetworkShape {
  Domain domain;        // of the data
  int64_t z_dim = 64;   // of the latent code
  int64_t classes = 0;  // 0: unconditional
};

class Generator : public Module {
 public:
  /// z: [N, z_dim] float32, y: [N] int64 (undefined when unconditional); returns x [N, ...] float32 in the data's
  /// domain.
  virtual at::Tensor forward(const at::Tensor& z, const at::Tensor& y) = 0;
  /// What lies before the tanh that takes images into [-1, 1]; where there is none, the same as forward.
  virtual at::Tensor raw(const at::Tensor& z, const at::Tensor& y) { return forward(z, y); }
  /// Whether there is one.
  virtual bool ends_in_tanh() const { return false; }
};

class Discriminator : public Module {
 public:
  /// x: [N, ...] float32; returns the penultimate features [N, F] float32.
  virtual at::Tensor features(const at::Tensor& x) = 0;
  /// features, y: [N]; returns logits [N] float32.
  virtual at::Tensor head(const at::Tensor& features, const at::Tensor& y) = 0;
  virtual at::Tensor forward(const at::Tensor& x, const at::Tensor& y) { return head(features(x), y); }
  /// The logits [N] and the gradient of their sum with respect to x [N, ...], both differentiable.
  virtual std::pair<at::Tensor, at::Tensor> forward_with_gradient(const at::Tensor& x, const at::Tensor& y);
  /// Whether it is made of convolutions, linear layers and units that bend only at 0: homogeneous of degree 1 in its
  /// input and its biases' factor together.
  virtual bool homogeneous() const { return false; }
  /// Whether a sample's logit depends on the rest of its batch: batch norm, minibatch statistics.
  virtual bool mixes_samples() const { return false; }
};

class Encoder : public Module {
 public:
  /// x: [N, ...] float32; returns the penultimate features [N, F] float32.
  virtual at::Tensor features(const at::Tensor& x) = 0;
  /// features, y: [N] or undefined; returns codes [N, z_dim] float32.
  virtual at::Tensor head(const at::Tensor& features, const at::Tensor& y) = 0;
  at::Tensor forward(const at::Tensor& x, const at::Tensor& y) { return head(features(x), y); }
};

/// Judges pairs of a sample and a code: D(x, z) of BiGAN and ALI.
class JointDiscriminator : public Module {
 public:
  /// x: [N, ...] float32; returns the features [N, F] float32 of x that the code is judged beside.
  virtual at::Tensor features(const at::Tensor& x) = 0;
  /// features, z: [N, z_dim], y: [N] or undefined; returns logits [N] float32.
  virtual at::Tensor head(const at::Tensor& features, const at::Tensor& z, const at::Tensor& y) = 0;
  at::Tensor forward(const at::Tensor& x, const at::Tensor& z, const at::Tensor& y) { return head(features(x), z, y); }
  /// Whether a pair's logit depends on the rest of its batch.
  virtual bool mixes_samples() const = 0;
  /// The logits [N] and the gradient of their sum with respect to x and z side by side [N, numbers of x + z_dim], both
  /// differentiable.
  std::pair<at::Tensor, at::Tensor> forward_with_gradient(const at::Tensor& x, const at::Tensor& z,
                                                          const at::Tensor& y);
};

/// A row of the zoo: one architecture in one role.
template <class Network>
struct NetworkRow {
  std::string name, source;
  std::shared_ptr<Options> (*options)();
  std::shared_ptr<Network> (*build)(const Options& options, const NetworkShape& shape, Rng& rng);
};

const std::vector<NetworkRow<Generator>>& generator_table();
const std::vector<NetworkRow<Discriminator>>& discriminator_table();
const std::vector<NetworkRow<Encoder>>& encoder_table();
const std::vector<NetworkRow<JointDiscriminator>>& joint_discriminator_table();

/// The shape for networks of a game. Throws UserError when it is conditional and the data have no labels.
NetworkShape network_shape(const Domain& domain, int64_t z_dim, bool conditional);

template <class Network>
std::shared_ptr<Network> build(const Choice<NetworkRow<Network>>& choice, const NetworkShape& shape, Rng& rng) {
  return choice.row()->build(*choice.options, shape, rng);
}

}  // namespace obverse
