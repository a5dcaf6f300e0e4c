#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "obverse/data/dataset.h"
#include "obverse/models/code_distribution.h"
#include "obverse/models/dense_layers.h"
#include "obverse/models/prior.h"

namespace obverse {

/// A space of codes: its name ("z", later "w", "w+"), the shape of one code, its prior (a row of prior_table()).
struct LatentSpace {
  std::string name;
  std::vector<int64_t> shape;
  std::string prior = "normal";

  /// n codes of the prior: [n, ...]; independent, or spread evenly (Rng::even_normal).
  at::Tensor draw(int64_t n, Rng& rng, bool evenly = false) const;
};

/// How well a model can say how probable data are.
enum class Likelihood { none, lower_bound, exact };

/// Latent code to data and back. A model offers what it has; what it lacks is a UserError that says so.
class LatentModel {
 public:
  virtual ~LatentModel() = default;
  virtual const Domain& domain() const = 0;
  virtual std::vector<LatentSpace> spaces() const = 0;
  /// Number of classes that decode needs a label of; 0: unconditional.
  virtual int64_t classes() const { return 0; }

  /// code: [N, ...] of spaces()[0], y: [N] int64 or undefined; returns x [N, ...]. Weights are frozen.
  virtual at::Tensor decode(const at::Tensor& code, const at::Tensor& y) = 0;
  /// Decodes from now on with codes taken to `psi` of the way from their mean, in a space made for it (w of StyleGAN).
  /// False where there is none: then the latents themselves are to be scaled.
  virtual bool truncate(double) { return false; }
  /// Whether a code is first mapped to an intermediate one, w (StyleGAN): `map` and `synthesise` are the halves of
  /// decode.
  bool has_styles() const { return style_layers() > 0; }
  /// Layers of the synthesis that take a w each; 0: there are none.
  virtual int64_t style_layers() const { return 0; }
  /// code: [N, ...], y: [N] or undefined; returns w [N, w_dim], not truncated.
  virtual at::Tensor map(const at::Tensor& code, const at::Tensor& y);
  /// w: [N, w_dim], or one for each layer [N, style_layers, w_dim]; returns x [N, ...].
  virtual at::Tensor synthesise(const at::Tensor& w);
  /// Generator::code_weights.
  virtual std::vector<at::Tensor> code_weights() const { return {}; }
  /// Whether codes are images of the data, and decode translates them to the class y: there is no prior to draw from.
  virtual bool translates() const { return false; }
  /// Whether decode computes in bfloat16 from now on, where the processor is fast at that, or in float32. False where it
  /// goes on as before.
  virtual bool decode_roughly(bool) { return false; }
  /// Whether decode has a gradient to descend by.
  virtual bool differentiable() const { return true; }

  virtual bool can_encode() const { return false; }
  /// x: [N, ...]; returns codes [N, ...].
  virtual at::Tensor encode(const at::Tensor& x, const at::Tensor& y);
  /// What the encoder knows of the codes; `encode` is its mean. Default: that code, with certainty.
  virtual CodeDistribution infer(const at::Tensor& x, const at::Tensor& y) { return {encode(x, y), {}}; }
  /// Whether decode(encode(x)) gives x back: flows.
  virtual bool invertible() const { return false; }

  virtual bool has_encoder_features() const { return false; }
  /// Penultimate features of the encoder [N, F].
  virtual at::Tensor encoder_features(const at::Tensor& x);

  virtual bool has_observation() const { return false; }
  /// log p(x | code) in nats [N]: how samples scatter around decode(code). Differentiable in `code`.
  virtual at::Tensor log_observation(const at::Tensor& x, const at::Tensor& code, const at::Tensor& y);

  virtual Likelihood likelihood() const { return Likelihood::none; }
  /// log p(x) in nats, of samples of the domain as probabilities of their levels (a density for points): [N]. Exact, or
  /// a lower bound from `samples` draws each: of codes (IWAE; 1: ELBO) or of dequantisation noise.
  virtual at::Tensor log_prob(const at::Tensor& x, const at::Tensor& y, int64_t samples, Rng& rng);

  /// The networks that say how probable an image's pixels are, where they are dense: for lossless coding.
  virtual CodingNetworks coding_networks() const;

  virtual bool has_features() const { return false; }
  /// Penultimate features of the discriminator [N, F], differentiable in x.
  virtual at::Tensor features(const at::Tensor& x);

  virtual bool has_pair_features() const { return false; }
  /// Penultimate features [N, F] of the discriminator of pairs (x, code), differentiable in both.
  virtual at::Tensor pair_features(const at::Tensor& x, const at::Tensor& code);

  std::string name;  // where it was loaded from
  std::string hash;  // SHA-256 of the model file
};

/// n latents for seeds; the same seed gives the same latent in any batch. trunc: scales them (psi; 1 = as drawn).
at::Tensor latents_for_seeds(const LatentModel& model, const std::vector<uint64_t>& seeds, double trunc = 1);

/// decode without gradients in slices of a fixed size, so that an image hardly depends on how many are asked for.
at::Tensor decode_all(LatentModel& model, const at::Tensor& code, const at::Tensor& y, int64_t slice = 64);

/// n samples of the model from its prior: latents from `rng`, labels (where needed) uniform over the classes.
Batch sample(LatentModel& model, int64_t n, Rng& rng);

}  // namespace obverse
