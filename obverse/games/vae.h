#pragma once

#include "obverse/games/autoencoder.h"
#include "obverse/losses/likelihoods.h"

namespace obverse {

/// [game], [generator] and [encoder] of a recipe whose game is of kind "vae".
struct VaeOptions : AutoencoderOptions {
  std::string likelihood = "gaussian";
  int64_t components = 4;
  bool binarise = false;
  int64_t samples = 1;
  bool importance = false;
  Schedule beta = 1.0;
  double free_bits = 0;
  void describe(Fields& f) override;
  int64_t outputs() const;  // of the generator for each number of x
};

/// The learned spread of a decoder's noise: one number.
class Observation : public Module {
 public:
  explicit Observation(double initial_log_scale);
  const at::Tensor& log_scale() const { return log_scale_; }

 private:
  at::Tensor log_scale_;  // []
};

/// p(x | z) of a generator.
struct Decoder {
  const LikelihoodRow* row = nullptr;
  std::shared_ptr<Generator> generator;
  std::shared_ptr<Observation> observation;  // null where there is no scale
  int64_t levels = 256;

  /// x: [N, ...], z: [N, d], y: [N] or undefined; returns log p(x | z) [N].
  at::Tensor log_prob(const at::Tensor& x, const at::Tensor& z, const at::Tensor& y) const;
  /// E[x | z], [N, ...] of the domain. channels: of x.
  at::Tensor mean(const at::Tensor& z, const at::Tensor& y, int64_t channels) const;
};

/// log p(x | z) + log p(z) - log q(z | x) of `samples` codes from q: [samples, N], nats.
at::Tensor log_weights(const Decoder& decoder, const CodeDistribution& q, const at::Tensor& x, const at::Tensor& y,
                       int64_t samples, Rng& rng);

/// The LatentModel of a VAE: with the bound on log p(x).
class VaeModel : public NetworkModel {
 public:
  VaeModel(Networks networks, Decoder decoder, bool binarise)
      : NetworkModel(std::move(networks)), decoder_(std::move(decoder)), binarise_(binarise) {}
  at::Tensor decode(const at::Tensor& code, const at::Tensor& y) override {
    return decoder_.mean(code, y, networks_.shape.domain.shape[0]);
  }
  CodingNetworks coding_networks() const override;
  bool has_observation() const override { return true; }
  at::Tensor log_observation(const at::Tensor& x, const at::Tensor& code, const at::Tensor& y) override {
    return decoder_.log_prob(x, code, y);
  }
  Likelihood likelihood() const override { return Likelihood::lower_bound; }
  at::Tensor log_prob(const at::Tensor& x, const at::Tensor& y, int64_t samples, Rng& rng) override;

 private:
  Decoder decoder_;
  bool binarise_;
};

/// The variational autoencoder (Kingma 2014): one player, who minimises, a number of x and in nats,
///   -E_q log p(x | z) + beta sum_j max(KL_j, free_bits)        KL_j: of the code's j-th number, mean over the batch
/// (beta: Higgins 2017; free bits: Kingma 2016, appendix C.8, a number of the code, in nats), or with `importance` the
/// negative of the importance-weighted bound of Burda 2016. Loss terms are divided by the numbers in x, so that
/// step sizes do not depend on the data's size; "elbo" or "iwae" is watched in nats a sample.
class Vae : public Game {
 public:
  Vae(const VaeOptions& options, const Domain& domain, uint64_t seed);
  std::vector<Player>& players() override { return players_; }
  std::vector<Phase> phases() override { return {{"generator", "main"}}; }
  Terms loss(const Phase& phase, Round& round) override;
  std::unique_ptr<LatentModel> model() override;
  std::vector<std::string> averaged() override;

 private:
  VaeOptions options_;
  Networks networks_;
  Decoder decoder_;
  std::vector<Player> players_;
};

}  // namespace obverse
