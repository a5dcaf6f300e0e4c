#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace obverse {

/// A pair of losses on logits. Both functions: real, fake [N] float; return [N], one value a sample (or a pair).
/// A relativistic loss pairs the i-th real with the i-th fake; a batch statistic needs the whole batch gathered first.
struct AdversarialLoss {
  std::string name, source;
  std::string discriminator_formula, generator_formula;  // for people; D(.) are logits, E is the mean over the batch
  at::Tensor (*discriminator)(const at::Tensor& real, const at::Tensor& fake);
  at::Tensor (*generator)(const at::Tensor& real, const at::Tensor& fake);
  bool generator_needs_real = false;  // relativistic: G's loss reads the real logits too
  bool batch_statistic = false;
  bool floats = false;   // reads differences of logits alone: a constant on all of them changes nothing
  double undecided = 0;  // the logit that says neither; reflecting logits there swaps the roles of real and fake
  /// What D's loss [N] gains when real samples' label is 1 - share: one-sided smoothing, Salimans 2016, section 3.4.
  /// Null where there are no labels.
  at::Tensor (*smoothing)(const at::Tensor& real, double share) = nullptr;
  /// Null for losses on logits. Else both functions take features [N, F] in place of logits, and this is the critic
  /// that they stand for, of x [M, F]: what penalties are taken of.
  at::Tensor (*witness)(const at::Tensor& x, const at::Tensor& real, const at::Tensor& fake) = nullptr;
};

/// The generator's loss of a game of pairs, in which (x, E(x)) is to pass for generated and (G(z), z) for real: both
/// halves, or once where the loss reads both logits anyway. real, fake: [N]; returns [N].
at::Tensor pair_generator_loss(const AdversarialLoss& loss, const at::Tensor& real, const at::Tensor& fake);

/// Two views of the discriminator. Of a ratio: at its best its logit is a function of p / q alone, p and q the
/// densities of real and generated samples, and D's loss is, up to constants, minus an f-divergence E_q[f(p / q)]:
///   minimax, non-saturating       logit = log p / q       loss = log 4 - 2 JS
///   least-squares                 logit = p / (p + q)     loss = 1/4 - 1/8 integral of (p - q)^2 / (p + q)
///   hinge                         logit = sign(p - q)     loss = 2 - 2 TV, TV the total variation
///   f-gan-*                       g(logit) = f'(p / q)    loss = -D_f, by its variational bound
///   relativistic-*                a difference of logits, log of a ratio of ratios, p(x) q(x') / (q(x) p(x'))
/// Of a difference: D's loss is minus sup over a set of functions h of E_p[h] - E_q[h], an integral probability metric,
/// which needs no overlap of p and q:
///   wasserstein                   h Lipschitz: clipped weights, a penalty or spectral norm keep it so
///   mmd                           h in the unit ball of a kernel's space over D's features: h = E_p k(x, .) - E_q k(x,
///   .)
/// They meet in total variation, half the supremum over |h| <= 1 and the divergence of f(u) = |u - 1| / 2.
const std::vector<AdversarialLoss>& adversarial_table();

/// The names of those on logits.
std::vector<std::string> logit_losses();

}  // namespace obverse
