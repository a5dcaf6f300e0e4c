#include "obverse/models/networks.h"

#include <ATen/ATen.h>

#include <stdexcept>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/layers/bias_unit.h"

namespace obverse {

at::Tensor StyleGenerator::everywhere(const at::Tensor& w) const {
  return w.unsqueeze(1).expand({w.size(0), layers(), w.size(1)});
}

at::Tensor StyleGenerator::forward(const at::Tensor& z, const at::Tensor& y) {
  const at::Tensor w = map(z, y);
  return synthesise(everywhere(truncation == 1 ? w : mean_w() + truncation * (w - mean_w())));
}

at::Tensor Discriminator::class_logits(const at::Tensor&) {
  throw std::logic_error("this discriminator has no classifier");
}

std::pair<at::Tensor, at::Tensor> Discriminator::forward_with_gradient(const at::Tensor& x, const at::Tensor& y,
                                                                       at::Tensor* features_out) {
  const auto judged = [&](const at::Tensor& at_point) {
    if (!features_out) return forward(at_point, y);
    *features_out = features(at_point);
    return head(*features_out, y);
  };
  const at::Tensor point = x.requires_grad() ? x : x.detach().requires_grad_();
  if (!homogeneous()) {
    const at::Tensor logits = judged(point);
    return {logits, gradient(logits, point, /*create_graph=*/true)};
  }
  // By Euler's theorem D(x, u) = <x, dD/dx> + u dD/du, so that whatever depends on logits and gradients is
  // differentiated in one pass through the gradient's graph; the way through the logits' own would be a second one.
  const at::Tensor unit = at::ones({x.size(0)}, x.options()).requires_grad_();
  const BiasUnit scope(unit);
  const at::Tensor logits = judged(point);
  const std::vector<at::Tensor> slopes = gradients(logits, {point, unit}, /*create_graph=*/true);
  const at::Tensor sum = (point.detach() * slopes[0]).flatten(1).sum(1) + slopes[1];
  return {sum + (logits - sum).detach(), slopes[0]};
}

std::pair<at::Tensor, at::Tensor> JointDiscriminator::forward_with_gradient(const at::Tensor& x, const at::Tensor& z,
                                                                            const at::Tensor& y) {
  const at::Tensor data = x.detach().requires_grad_(), code = z.detach().requires_grad_();
  const at::Tensor logits = forward(data, code, y);
  const std::vector<at::Tensor> slopes = gradients(logits, {data, code}, /*create_graph=*/true);
  return {logits, at::cat({slopes[0].flatten(1), slopes[1].flatten(1)}, 1)};
}

NetworkShape network_shape(const Domain& domain, int64_t z_dim, bool conditional) {
  if (conditional && domain.classes.empty())
    fail("game.conditional: the data set has no labels; set it to false or use data with classes");
  return {domain, z_dim, conditional ? static_cast<int64_t>(domain.classes.size()) : 0};
}

}  // namespace obverse
