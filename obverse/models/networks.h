#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "obverse/data/dataset.h"
#include "obverse/layers/module.h"
#include "obverse/models/dense_layers.h"
#include "obverse/recipe/fields.h"

namespace obverse {

/// What a network is built for.
struct NetworkShape {
  Domain domain;        // of the data
  int64_t z_dim = 64;   // of the latent code
  int64_t classes = 0;  // 0: unconditional
};

/// A network that starts small and grows by stages, all of which have their parameters from the start. Progressive
/// growing, Karras 2018.
class Growing {
 public:
  virtual ~Growing() = default;
  virtual int64_t stages() const = 0;
  /// level: the stage that is at work, 0 the coarsest; a fraction is the share to which the next has faded in.
  virtual void grow(double level) = 0;
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
  /// Matrices that meet the code before anything bends it, its numbers their first columns: [outputs, z_dim or more]
  /// each; of a StyleGenerator, those that meet w. Empty: there are none.
  virtual std::vector<at::Tensor> code_weights() const { return {}; }
  /// Where noise of the passes that follow comes from; null: from nowhere, it stands still. For networks with noise of
  /// their own.
  virtual void draw_noise_from(Rng*) {}
  /// Its layers up to `raw`, where it is nothing but dense ones and unconditional.
  virtual std::optional<DenseLayers> dense_layers() const { return {}; }
  /// Data as fine as the generator now makes them: what its discriminator is to compare with. x: [N, ...].
  virtual at::Tensor as_fine(const at::Tensor& x) const { return x; }
};

/// A generator of two parts: z is mapped to an intermediate code w, which styles every layer of the synthesis. Karras
/// 2019.
class StyleGenerator : public Generator {
 public:
  virtual int64_t layers() const = 0;                                    // that take a style
  virtual at::Tensor map(const at::Tensor& z, const at::Tensor& y) = 0;  // [N, z_dim], [N] -> w [N, w_dim]
  virtual at::Tensor synthesise(const at::Tensor& ws) = 0;               // [N, layers, w_dim] -> x [N, ...]
  virtual const at::Tensor& mean_w() const = 0;                          // [w_dim]
  /// The same w for every layer.
  at::Tensor everywhere(const at::Tensor& w) const;
  at::Tensor forward(const at::Tensor& z, const at::Tensor& y) override;
  /// How far from the mean forward takes w, where it does not learn: the truncation trick. 1: as it is.
  double truncation = 1;
};

class Discriminator : public Module {
 public:
  /// x: [N, ...] float32; returns the penultimate features [N, F] float32.
  virtual at::Tensor features(const at::Tensor& x) = 0;
  /// features, y: [N]; returns logits [N] float32.
  virtual at::Tensor head(const at::Tensor& features, const at::Tensor& y) = 0;
  virtual at::Tensor forward(const at::Tensor& x, const at::Tensor& y) { return head(features(x), y); }
  /// Whether it guesses classes beside judging samples: an auxiliary classifier.
  virtual bool classifies() const { return false; }
  /// features -> its guess as logits [N, classes] float32.
  virtual at::Tensor class_logits(const at::Tensor& features);
  /// The logits [N] and the gradient of their sum with respect to x [N, ...], both differentiable; the features that
  /// led to them [N, F] go to `features_out` where it is given.
  virtual std::pair<at::Tensor, at::Tensor> forward_with_gradient(const at::Tensor& x, const at::Tensor& y,
                                                                  at::Tensor* features_out = nullptr);
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
  /// Its layers, where it is nothing but dense ones and unconditional.
  virtual std::optional<DenseLayers> dense_layers() const { return {}; }
};

/// Judges pairs of a sample and a code: D(x, z) of BiGAN and ALI.
class JointDiscriminator : public Module {
 public:
  /// x: [N, ...] float32; returns the features [N, F] float32 of x that the code is judged beside.
  virtual at::Tensor features(const at::Tensor& x) = 0;
  /// features, z: [N, z_dim]; returns the features [N, F'] float32 of the pair that its logit is linear in.
  virtual at::Tensor pair_features(const at::Tensor& features, const at::Tensor& z) = 0;
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
