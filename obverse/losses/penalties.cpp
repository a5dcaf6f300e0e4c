#include "obverse/losses/penalties.h"

#include <ATen/ATen.h>

namespace obverse {

using at::Tensor;

Tensor zero_centred_penalty(const Tensor& g) { return g.flatten(1).square().sum(1); }

Tensor one_centred_penalty(const Tensor& g) { return (g.flatten(1).norm(2, 1) - 1).square(); }

Tensor interpolate(const Tensor& x_real, const Tensor& x_fake, Rng& rng) {
  std::vector<int64_t> one_a_sample(x_real.dim(), 1);
  one_a_sample[0] = x_real.size(0);
  return at::lerp(x_real, x_fake, rng.uniform(one_a_sample).to(x_real.options()));
}

Tensor perturb(const Tensor& x_real, Rng& rng) {
  return x_real + 0.5 * x_real.std(/*unbiased=*/false) * rng.uniform(x_real.sizes()).to(x_real.options());
}

const std::vector<Penalty>& penalty_table() {
  static const std::vector<Penalty> table = {
      {"wgan-gp", "Gulrajani 2017, eq. 3: lambda (||grad D|| - 1)^2 between real and generated samples",
       [](const Tensor& real, const Tensor& fake, Rng& rng) { return interpolate(real.detach(), fake.detach(), rng); },
       one_centred_penalty, 1, true},
      {"r1", "Mescheder 2018, eq. 9: gamma / 2 ||grad D||^2 on real samples",
       [](const Tensor& real, const Tensor&, Rng&) { return real.detach(); }, zero_centred_penalty, 0.5},
      {"r2", "Mescheder 2018, section 4.1: gamma / 2 ||grad D||^2 on generated samples",
       [](const Tensor&, const Tensor& fake, Rng&) { return fake.detach(); }, zero_centred_penalty, 0.5, true},
      {"dragan", "Kodali 2017, section 3.3: lambda (||grad D|| - 1)^2 around real samples",
       [](const Tensor& real, const Tensor&, Rng& rng) {
         const Tensor x = real.detach();
         return interpolate(x, perturb(x, rng), rng);
       },
       one_centred_penalty, 1},
  };
  return table;
}

}  // namespace obverse
