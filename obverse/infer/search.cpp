#include "obverse/infer/search.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

#include "obverse/core/autograd.h"
#include "obverse/losses/reconstruction.h"

namespace obverse {

const std::vector<DescentRow>& descent_table() {
  static const std::vector<DescentRow> table = {
      {"lbfgs", "Nocedal 1980, started from the Gauss-Newton curvature", descend_by_lbfgs},
      {"adam", "Kingma 2015, a step size for every code", descend_by_adam, true},
  };
  return table;
}

Candidates::Candidates(const Starts& starts)
    : image(starts.image.contiguous()),
      y(starts.y.defined() ? starts.y.contiguous() : starts.y),
      code(starts.code.clone()),
      best(starts.code.clone()),
      best_loss(at::full({code.size(0)}, std::numeric_limits<double>::infinity(), code.options())),
      stale(at::zeros({code.size(0)}, at::kLong)),
      steps(at::zeros({code.size(0)}, at::kLong)),
      active(at::ones({code.size(0)}, at::kBool)) {}

std::vector<at::Tensor*> Candidates::columns() {
  std::vector<at::Tensor*> all = {&image, &code, &best, &best_loss, &stale, &steps, &active};
  if (y.defined()) all.push_back(&y);
  for (at::Tensor& tensor : memory) all.push_back(&tensor);
  return all;
}

Candidates Candidates::pick(const at::Tensor& rows) const {
  Candidates part = *this;
  for (at::Tensor* column : part.columns()) *column = column->index_select(0, rows);
  return part;
}

void Candidates::put(const at::Tensor& rows, const Candidates& part) {
  for (size_t i = memory.size(); i < part.memory.size(); ++i) {
    std::vector<int64_t> shape = part.memory[i].sizes().vec();
    shape[0] = size();
    memory.push_back(at::zeros(shape, part.memory[i].options()));
  }
  Candidates from = part;
  const auto source = from.columns(), target = columns();
  for (size_t i = 0; i < source.size(); ++i) target[i]->index_copy_(0, rows, *source[i]);
}

void Candidates::remember(const at::Tensor& at_code, const at::Tensor& loss, double tolerance) {
  const at::Tensor better = loss < best_loss, progress = loss < best_loss * (1 - tolerance);
  best = at::where(beside(better, best), at_code, best);
  best_loss = at::where(better, loss, best_loss);
  stale = (stale + 1).masked_fill(progress, 0);
}

at::Tensor on_sphere(const at::Tensor& code) {
  const at::Tensor flat = code.flatten(1);
  const double radius = std::sqrt(static_cast<double>(flat.size(1)));
  return (flat * (radius / flat.norm(2, {1}, true).clamp_min(1e-12))).view_as(code);
}

at::Tensor Objective::allowed(const at::Tensor& code) const {
  const at::Tensor bounded = bound > 0 ? code.clamp(-bound, bound) : code;
  return options.sphere ? on_sphere(bounded) : bounded;
}

at::Tensor Objective::value(const at::Tensor& code, const at::Tensor& y) const {
  const at::Tensor decoded = model.decode(allowed(code), y);  // [M, ...]
  at::Tensor loss = options.pixel_weight * mean_squared_error(decoded, x);
  if (features.defined()) loss = loss + options.feature_weight * relative_squared_error(map(decoded), features);
  if (options.prior_weight > 0) {
    const double numbers = static_cast<double>(x.numel() / x.size(0));
    loss = loss + options.prior_weight / (2 * numbers) * code.square().flatten(1).sum(1);
  }
  return loss;
}

std::pair<at::Tensor, at::Tensor> Objective::slope(const at::Tensor& code, const at::Tensor& y) const {
  const at::Tensor variable = code.detach().clone().requires_grad_();
  const at::Tensor loss = value(variable, y);
  return {loss.detach(), gradient(loss, variable)};
}

}  // namespace obverse
