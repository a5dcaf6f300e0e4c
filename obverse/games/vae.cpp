#include "obverse/games/vae.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/games/binarise.h"

namespace obverse {

void VaeOptions::describe(Fields& f) {
  AutoencoderOptions::describe(f);
  f.table("game", [&] {
    f("likelihood", likelihood, "p(x | z)", names(likelihood_table()));
    f("components", components, "of each pixel's mixture, for likelihood = \"logistic-mixture\"", {1, 64});
    f("binarise", binarise, "draw pixels on or off with the probability of their brightness, afresh each time");
    f("samples", samples, "codes drawn for each sample", {1, 100000});
    f("importance", importance, "the importance-weighted bound of those samples (IWAE), not the mean of their bounds");
    f("beta", beta, "weight of the KL divergence", kNotNegative);
    f("free_bits", free_bits, "nats of KL divergence that each number of the code has free", kNotNegative);
    if (importance && (free_bits > 0 || !(beta == Schedule(1.0))))
      f.problem("importance", "has no KL divergence to weigh: leave out beta and free_bits");
    if (binarise && likelihood != "bernoulli") f.problem("binarise", "is for likelihood = \"bernoulli\"");
  });
}

int64_t VaeOptions::outputs() const {
  return find_row(likelihood_table(), "likelihood", likelihood).mixes ? 3 * components : 1;
}

Observation::Observation(double initial_log_scale) {
  parameter("log_scale", log_scale_, at::full({}, initial_log_scale, at::kFloat));
}

at::Tensor Decoder::log_prob(const at::Tensor& x, const at::Tensor& z, const at::Tensor& y) const {
  const at::Tensor output = row->mixes       ? generator->raw(z, y)
                            : row->of_logits ? 2 * generator->raw(z, y)
                                             : generator->forward(z, y);
  return row->log_prob(x, output, observation ? observation->log_scale() : at::Tensor(), levels);
}

at::Tensor Decoder::mean(const at::Tensor& z, const at::Tensor& y, int64_t channels) const {
  return row->mixes ? logistic_mixture_mean(generator->raw(z, y), channels) : generator->forward(z, y);
}

at::Tensor log_weights(const Decoder& decoder, const CodeDistribution& q, const at::Tensor& x, const at::Tensor& y,
                       int64_t samples, Rng& rng) {
  const int64_t n = x.size(0);
  const auto repeat = [&](const at::Tensor& t) {  // [N, ...] -> [samples * N, ...], sample by sample
    std::vector<int64_t> times(static_cast<size_t>(t.dim()), 1);
    times[0] = samples;
    return t.repeat(times);
  };
  const CodeDistribution many{repeat(q.mean), repeat(q.log_std)};
  const at::Tensor z = many.sample(rng);  // [samples * N, d]
  const at::Tensor weight =
      decoder.log_prob(repeat(x), z, y.defined() ? repeat(y) : y) + standard_normal_log_prob(z) - many.log_prob(z);
  return weight.view({samples, n});
}

// In slices of codes, so that memory does not grow with their number.
at::Tensor VaeModel::log_prob(const at::Tensor& x, const at::Tensor& y, int64_t samples, Rng& rng) {
  return without_grad([&] {
    const at::Tensor shown = binarise_ ? binarised(x, rng) : x;
    const CodeDistribution q = networks_.infer(shown, y);
    const int64_t slice = std::max<int64_t>(1, 4096 / x.size(0));
    std::vector<at::Tensor> weights;
    for (int64_t done = 0; done < samples; done += slice)
      weights.push_back(log_weights(decoder_, q, shown, y, std::min(slice, samples - done), rng));
    const at::Tensor bound = log_mean_exp(at::cat(weights));
    if (!decoder_.row->density || domain().kind != Domain::Kind::image) return bound;
    // A density times the distance of two levels compares with probabilities.
    return bound + static_cast<double>(x[0].numel()) * std::log(2.0 / static_cast<double>(decoder_.levels - 1));
  });
}

CodingNetworks VaeModel::coding_networks() const {
  std::optional<DenseLayers> decoder = decoder_.generator->dense_layers(), encoder = networks_.encoder->dense_layers();
  if (!decoder || !encoder || classes() > 0) return NetworkModel::coding_networks();
  CodingNetworks parts{*decoder, *encoder, decoder_.row->name, 0};
  if (decoder_.observation) parts.log_scale = decoder_.observation->log_scale().item<double>();
  return parts;
}

Vae::Vae(const VaeOptions& options, const Domain& domain, uint64_t seed)
    : options_(options), networks_(build_autoencoder(options, domain, seed, true, options.outputs())) {
  decoder_.row = &find_row(likelihood_table(), "likelihood", options.likelihood);
  decoder_.generator = networks_.generator;
  decoder_.levels = domain.levels;
  if (decoder_.row->images_only && domain.kind != Domain::Kind::image)
    fail("game.likelihood: {} is for images, the data are points: use gaussian", options.likelihood);
  if (decoder_.row->of_logits && !networks_.generator->ends_in_tanh())
    fail("game.likelihood: {} needs a generator that ends in tanh: use kind mlp or dcgan", options.likelihood);
  Player player{
      "generator", {{"generator", networks_.generator}, {"encoder", networks_.encoder}}, options.generator_optimiser};
  if (decoder_.row->has_scale) {
    decoder_.observation = std::make_shared<Observation>(-2);
    player.modules.emplace_back("observation", decoder_.observation);
  }
  players_ = {player};
}

Terms Vae::loss(const Phase&, Round& round) {
  const Batch real = round.next_batch();  // [N, ...], [N]
  const at::Tensor x = options_.binarise ? binarised(real.x, round.rng()) : real.x;
  const at::Tensor y = networks_.shape.classes > 0 ? real.y : at::Tensor();
  const CodeDistribution q = networks_.infer(x, y);  // [N, d]
  const double scale = 1 / static_cast<double>(x.numel() / x.size(0));
  Terms terms;
  if (options_.importance) {
    const at::Tensor bound = log_mean_exp(log_weights(decoder_, q, x, y, options_.samples, round.rng())).mean();
    terms.watch("iwae", mean_of(bound));
    terms.add("bound", -scale * bound);
    return terms;
  }
  at::Tensor fit;  // E_q log p(x | z), mean over the batch
  for (int64_t i = 0; i < options_.samples; ++i) {
    const at::Tensor one = decoder_.log_prob(x, q.sample(round.rng()), y).mean();
    fit = fit.defined() ? fit + one : one;
  }
  fit = fit / static_cast<double>(options_.samples);
  const at::Tensor kl = q.kl_to_normal().mean(0);  // [d]
  terms.watch("elbo", mean_of((fit - kl.sum()).detach()));
  terms.watch("kl", mean_of(kl.detach()) * static_cast<double>(kl.numel()));
  terms.add("reconstruction", -scale * fit);
  terms.add("kl", scale * options_.beta.at(round.progress) * kl.clamp_min(options_.free_bits).sum());
  return terms;
}

std::unique_ptr<LatentModel> Vae::model() { return std::make_unique<VaeModel>(networks_, decoder_, options_.binarise); }

std::vector<std::string> Vae::averaged() {
  std::vector<std::string> names;
  for (const auto& [name, module] : players_.front().modules) names.push_back(name);
  return names;
}

}  // namespace obverse
