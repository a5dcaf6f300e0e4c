#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace obverse {

/// A pair of losses on logits. Both functions: real, fake [N] float; return [N], one value a sample (or a pair).
/// A relativistic loss pairs the i-th real with the i-th fake; a batch statistic needs the whole batch gathered first.
struct AdversarialLoss {
  std::string name, source;
  at::Tensor (*discriminator)(const at::Tensor& real, const at::Tensor& fake);
  at::Tensor (*generator)(const at::Tensor& real, const at::Tensor& fake);
  bool generator_needs_real = false;  // relativistic: G's loss reads the real logits too
  bool batch_statistic = false;
  double undecided = 0;  // the logit that says neither; reflecting logits there swaps the roles of real and fake
};

/// The generator's loss of a game of pairs, in which (x, E(x)) is to pass for generated and (G(z), z) for real: both
/// halves, or once where the loss reads both logits anyway. real, fake: [N]; returns [N].
at::Tensor pair_generator_loss(const AdversarialLoss& loss, const at::Tensor& real, const at::Tensor& fake);

const std::vector<AdversarialLoss>& adversarial_table();

}  // namespace obverse
