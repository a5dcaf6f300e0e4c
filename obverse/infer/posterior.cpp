#include "obverse/infer/posterior.h"

#include <ATen/ATen.h>

#include <cmath>
#include <limits>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/infer/diagnostics.h"
#include "obverse/losses/likelihoods.h"

namespace obverse {

void PosteriorOptions::describe(Fields& f) {
  f("chains", chains, "for each sample", {2, 10000});
  f("warmup", warmup, "trajectories in which step sizes adapt, not kept", {1, 1000000});
  f("draws", draws, "trajectories kept of each chain", {4, 1000000});
  f("noise", noise, "standard deviation of Gaussian noise on every number of a sample; 0: as the model says",
    kNotNegative);
  hmc.describe(f);
}

namespace {

at::Tensor log_prior(const Prior& prior, const at::Tensor& code) {
  if (prior.bound == 0) return standard_normal_log_prob(code);
  const at::Tensor inside = (code.abs() <= prior.bound).flatten(1).all(1);
  const at::Tensor flat = 0 * code.flatten(1).sum(1);
  return at::where(inside, flat, at::full_like(flat, -std::numeric_limits<double>::infinity()));
}

at::Tensor choose_starts(LatentModel& model, const at::Tensor& x, const at::Tensor& y, int64_t chains, Rng& rng) {
  const LatentSpace space = model.spaces().front();
  const int64_t n = x.size(0);
  std::vector<int64_t> shape = space.shape;
  shape.insert(shape.begin(), {n, chains});
  at::Tensor start = space.draw(n * chains, rng).to(x.scalar_type()).view(shape);
  if (model.can_encode()) start.select(1, 0).copy_(without_grad([&] { return model.encode(x, y); }));
  return start.flatten(0, 1);
}

}  // namespace

Posterior sample_posterior(LatentModel& model, const at::Tensor& x, const at::Tensor& y,
                           const PosteriorOptions& options, Rng& rng, const InferProgress& progress) {
  if (options.noise == 0 && !model.has_observation())
    fail("{}: does not say how samples scatter around G(z): give --noise, a standard deviation", model.name);
  if (!model.differentiable()) fail("{}: what it decodes has no gradient, which the chains need", model.name);
  if (model.classes() > 0 && !y.defined())
    fail("{}: is conditional: name the class of the samples whose codes are to be drawn", model.name);
  const Prior& prior = find_row(prior_table(), "prior", model.spaces().front().prior);
  const at::Tensor target = x.repeat_interleave(options.chains, 0);  // [N * chains, ...]
  const at::Tensor label = y.defined() ? y.repeat_interleave(options.chains, 0) : y;
  const LogDensity density = [&](const at::Tensor& code) {
    if (options.noise == 0) return log_prior(prior, code) + model.log_observation(target, code, label);
    const at::Tensor scale = at::full({}, std::log(options.noise), code.options());
    return log_prior(prior, code) + gaussian_log_prob(target, model.decode(code, label), scale);
  };
  Hmc hmc(density, choose_starts(model, x, y, options.chains, rng), options.hmc);
  std::vector<at::Tensor> codes, densities;
  at::Tensor accepted = at::zeros_like(hmc.step());
  const int64_t total = options.warmup + options.draws;
  for (int64_t i = 0; i < total; ++i) {
    if (progress && !progress(static_cast<double>(i) / static_cast<double>(total)) && codes.size() >= 4) break;
    hmc.advance(rng, i < options.warmup);
    if (i < options.warmup) continue;
    codes.push_back(hmc.position());
    densities.push_back(hmc.log_density());
    accepted = accepted + hmc.accepted();
  }
  const int64_t n = x.size(0);
  const auto by_sample = [&](const at::Tensor& t) {  // [draws, N * chains, ...] -> [N, chains, draws, ...]
    return t.unflatten(1, {n, options.chains}).movedim(0, 2).contiguous();
  };
  Posterior result;
  result.code = by_sample(at::stack(codes).flatten(2));
  result.log_density = by_sample(at::stack(densities));
  result.acceptance = (accepted / static_cast<double>(codes.size())).view({n, options.chains}).mean(1);
  std::vector<at::Tensor> ess, r_hat;
  for (int64_t i = 0; i < n; ++i) {
    ess.push_back(effective_sample_size(result.code[i]).min());
    r_hat.push_back(split_r_hat(result.code[i]).max());
  }
  result.ess = at::stack(ess);
  result.r_hat = at::stack(r_hat);
  return result;
}

}  // namespace obverse
