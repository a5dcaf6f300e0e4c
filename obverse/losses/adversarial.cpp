#include "obverse/losses/adversarial.h"

#include <ATen/ATen.h>

namespace obverse {

using at::relu;
using at::softplus;
using at::Tensor;

// With D(x) = sigmoid(logit): -log D(x) = softplus(-logit) and -log(1 - D(x)) = softplus(logit), which cannot overflow.
static Tensor cross_entropy(const Tensor& real, const Tensor& fake) { return softplus(-real) + softplus(fake); }

static Tensor saturating(const Tensor&, const Tensor& fake) { return -softplus(fake); }
static Tensor non_saturating(const Tensor&, const Tensor& fake) { return softplus(-fake); }

static Tensor least_squares_d(const Tensor& real, const Tensor& fake) {
  return 0.5 * (real - 1).square() + 0.5 * fake.square();
}
static Tensor least_squares_g(const Tensor&, const Tensor& fake) { return 0.5 * (fake - 1).square(); }

static Tensor hinge_d(const Tensor& real, const Tensor& fake) { return relu(1 - real) + relu(1 + fake); }
static Tensor raise_fake(const Tensor&, const Tensor& fake) { return -fake; }

static Tensor wasserstein_d(const Tensor& real, const Tensor& fake) { return fake - real; }

static Tensor average_d(const Tensor& real, const Tensor& fake) {
  return softplus(-(real - fake.mean())) + softplus(fake - real.mean());
}
static Tensor average_g(const Tensor& real, const Tensor& fake) { return average_d(fake, real); }

static Tensor pairing_d(const Tensor& real, const Tensor& fake) { return softplus(fake - real); }
static Tensor pairing_g(const Tensor& real, const Tensor& fake) { return softplus(real - fake); }

const std::vector<AdversarialLoss>& adversarial_table() {
  static const std::vector<AdversarialLoss> table = {
      {"minimax", "Goodfellow 2014, eq. 1: G minimises log(1 - D(G(z))), which saturates", cross_entropy, saturating},
      {"non-saturating", "Goodfellow 2014, section 3: G maximises log D(G(z))", cross_entropy, non_saturating},
      {"least-squares", "Mao 2017, eq. 2 with a = 0, b = c = 1; both losses carry its factor 1/2", least_squares_d,
       least_squares_g, false, false, 0.5},
      {"hinge", "Lim 2017, eq. 3-4; Miyato 2018, eq. 16-17", hinge_d, raise_fake},
      {"wasserstein", "Arjovsky 2017, eq. 2 in its dual form; the critic must be kept Lipschitz", wasserstein_d,
       raise_fake},
      {"relativistic-average", "Jolicoeur-Martineau 2018, RaSGAN: both halves, means over the whole batch", average_d,
       average_g, true, true},
      {"relativistic-pairing", "Jolicoeur-Martineau 2018, RpGAN; Huang 2024 (R3GAN), eq. 2", pairing_d, pairing_g,
       true},
  };
  return table;
}

Tensor pair_generator_loss(const AdversarialLoss& loss, const Tensor& real, const Tensor& fake) {
  const Tensor generated = loss.generator(real, fake);
  if (loss.generator_needs_real) return generated;
  return generated + loss.generator(2 * loss.undecided - fake, 2 * loss.undecided - real);
}

}  // namespace obverse
