#include "obverse/losses/adversarial.h"

#include <ATen/ATen.h>

#include "obverse/losses/f_divergences.h"
#include "obverse/losses/mmd.h"

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

// Labels of 1 - share in place of 1.
static Tensor smoothed_entropy(const Tensor& real, double share) { return share * real; }
static Tensor smoothed_squares(const Tensor& real, double share) {
  return 0.5 * (real - 1 + share).square() - 0.5 * (real - 1).square();
}

static Tensor hinge_d(const Tensor& real, const Tensor& fake) { return relu(1 - real) + relu(1 + fake); }
static Tensor raise_fake(const Tensor&, const Tensor& fake) { return -fake; }

static Tensor wasserstein_d(const Tensor& real, const Tensor& fake) { return fake - real; }

static Tensor average_d(const Tensor& real, const Tensor& fake) {
  return softplus(-(real - fake.mean())) + softplus(fake - real.mean());
}
static Tensor average_g(const Tensor& real, const Tensor& fake) { return average_d(fake, real); }

static Tensor pairing_d(const Tensor& real, const Tensor& fake) { return softplus(fake - real); }
static Tensor pairing_g(const Tensor& real, const Tensor& fake) { return softplus(real - fake); }

static Tensor mmd_d(const Tensor& real, const Tensor& fake) { return -mmd_shares(real, fake); }

static std::vector<AdversarialLoss> make_table() {
  std::vector<AdversarialLoss> table = {
      {"minimax", "Goodfellow 2014, eq. 1: G minimises log(1 - D(G(z))), which saturates",
       "E softplus(-D(x)) + E softplus(D(G(z)))", "-E softplus(D(G(z)))", cross_entropy, saturating, false, false,
       false, 0, smoothed_entropy},
      {"non-saturating", "Goodfellow 2014, section 3: G maximises log D(G(z))",
       "E softplus(-D(x)) + E softplus(D(G(z)))", "E softplus(-D(G(z)))", cross_entropy, non_saturating, false, false,
       false, 0, smoothed_entropy},
      {"least-squares", "Mao 2017, eq. 2 with a = 0, b = c = 1; both losses carry its factor 1/2",
       "1/2 E (D(x) - 1)^2 + 1/2 E D(G(z))^2", "1/2 E (D(G(z)) - 1)^2", least_squares_d, least_squares_g, false, false,
       false, 0.5, smoothed_squares},
      {"hinge", "Lim 2017, eq. 3-4; Miyato 2018, eq. 16-17", "E max(0, 1 - D(x)) + E max(0, 1 + D(G(z)))", "-E D(G(z))",
       hinge_d, raise_fake},
      {"wasserstein", "Arjovsky 2017, eq. 2 in its dual form; the critic must be kept Lipschitz", "E D(G(z)) - E D(x)",
       "-E D(G(z))", wasserstein_d, raise_fake, false, false, true},
      {"relativistic-average", "Jolicoeur-Martineau 2018, RaSGAN: both halves, means over the whole batch",
       "E softplus(mean D(G(z)) - D(x)) + E softplus(D(G(z)) - mean D(x))",
       "E softplus(mean D(x) - D(G(z))) + E softplus(D(x) - mean D(G(z)))", average_d, average_g, true, true, true},
      {"relativistic-pairing", "Jolicoeur-Martineau 2018, RpGAN; Huang 2024 (R3GAN), eq. 2",
       "E softplus(D(G(z)) - D(x))", "E softplus(D(x) - D(G(z)))", pairing_d, pairing_g, true, false, true},
      {"mmd", "Li 2017, Binkowski 2018: squared maximum mean discrepancy of D's features, over the whole batch",
       "-(E k(h(x), h(x')) + E k(h(G(z)), h(G(z'))) - 2 E k(h(x), h(G(z)))), h the features of D",
       "E k(h(x), h(x')) + E k(h(G(z)), h(G(z'))) - 2 E k(h(x), h(G(z)))", mmd_d, mmd_shares, true, true, false, 0,
       nullptr, mmd_witness},
  };
  for (size_t i = 0; i < divergence_table().size(); ++i) {
    const DivergenceRow& row = divergence_table()[i];
    const double undecided = row.optimal(at::zeros({1}, at::kDouble)).item<double>();
    const std::string d = "E (" + row.conjugate_formula + ") - E (" + row.output_formula + "), v = D(G(z)) and D(x)";
    const std::string g = "-E (" + (row.by_bound ? row.conjugate_formula : row.output_formula) + "), v = D(G(z))";
    table.push_back({"f-gan-" + row.name, row.source, d, g, divergence_discriminator(i), divergence_generator(i), false,
                     false, false, undecided});
  }
  return table;
}

const std::vector<AdversarialLoss>& adversarial_table() {
  static const std::vector<AdversarialLoss> table = make_table();
  return table;
}

std::vector<std::string> logit_losses() {
  std::vector<std::string> result;
  for (const AdversarialLoss& loss : adversarial_table())
    if (!loss.witness) result.push_back(loss.name);
  return result;
}

Tensor pair_generator_loss(const AdversarialLoss& loss, const Tensor& real, const Tensor& fake) {
  const Tensor generated = loss.generator(real, fake);
  if (loss.generator_needs_real) return generated;
  return generated + loss.generator(2 * loss.undecided - fake, 2 * loss.undecided - real);
}

}  // namespace obverse
