#include "obverse/models/latent_model.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"

namespace obverse {

at::Tensor LatentSpace::draw(int64_t n, Rng& rng, bool evenly) const {
  std::vector<int64_t> sizes = shape;
  sizes.insert(sizes.begin(), n);
  const at::Tensor normal = evenly ? rng.even_normal(n, c10::multiply_integers(shape)).view(sizes) : rng.normal(sizes);
  return find_row(prior_table(), "prior", prior).from_normal(normal);
}

at::Tensor LatentModel::map(const at::Tensor&, const at::Tensor&) {
  fail("{}: the model's generator has no styles: one of StyleGAN's kind has", name);
}

at::Tensor LatentModel::synthesise(const at::Tensor& w) { return map(w, {}); }

at::Tensor LatentModel::encode(const at::Tensor&, const at::Tensor&) {
  fail("{}: the model has no encoder: infer latents by optimisation, or train an encoder for it", name);
}

at::Tensor LatentModel::features(const at::Tensor&) {
  fail("{}: the model has no discriminator to take features from", name);
}

at::Tensor LatentModel::encoder_features(const at::Tensor&) {
  fail("{}: the model has no encoder to take features from", name);
}

at::Tensor LatentModel::pair_features(const at::Tensor&, const at::Tensor&) {
  fail("{}: the model has no discriminator of pairs (x, z): one of kind bigan or two-way has", name);
}

at::Tensor LatentModel::log_observation(const at::Tensor&, const at::Tensor&, const at::Tensor&) {
  fail("{}: the model does not say how samples scatter around G(z)", name);
}

at::Tensor LatentModel::log_prob(const at::Tensor&, const at::Tensor&, int64_t, Rng&) {
  fail("{}: the model cannot say how probable data are: a VAE or a flow can", name);
}

CodingNetworks LatentModel::coding_networks() const {
  fail(
      "{}: lossless coding computes in integers, which it can for an unconditional VAE of dense layers (kind = "
      "\"mlp\", "
      "no batch norm, spectral norm or frequencies) and for MADE: train one, recipes/vae-mnist-bits.toml for instance",
      name);
}

at::Tensor latents_for_seeds(const LatentModel& model, const std::vector<uint64_t>& seeds, double trunc) {
  const LatentSpace space = model.spaces().at(0);
  std::vector<at::Tensor> codes;
  for (const uint64_t seed : seeds) codes.push_back(seeded_normal(seed, space.shape));
  if (codes.empty()) fail("no seeds were given");
  return find_row(prior_table(), "prior", space.prior).from_normal(at::stack(codes)) * trunc;
}

// Rows [begin, begin + size) of x, repeating the last one where there are no more.
static at::Tensor slice_padded(const at::Tensor& x, int64_t begin, int64_t size) {
  return x.index_select(0, at::arange(begin, begin + size, at::kLong).clamp_max(x.size(0) - 1));
}

at::Tensor decode_all(LatentModel& model, const at::Tensor& code, const at::Tensor& y, int64_t slice) {
  return without_grad([&] {
    std::vector<at::Tensor> images;
    for (int64_t begin = 0; begin < code.size(0); begin += slice) {
      const at::Tensor labels = y.defined() ? slice_padded(y, begin, slice) : y;
      const at::Tensor x = model.decode(slice_padded(code, begin, slice), labels);
      images.push_back(x.narrow(0, 0, std::min(slice, code.size(0) - begin)));
    }
    if (images.empty()) fail("no latent codes were given");
    return at::cat(images);
  });
}

Batch sample(LatentModel& model, int64_t n, Rng& rng) {
  const at::Tensor z = model.spaces().at(0).draw(n, rng);
  const at::Tensor y = model.classes() > 0 ? rng.integers(model.classes(), {n}) : at::Tensor();
  return {decode_all(model, z, y), y};
}

}  // namespace obverse
