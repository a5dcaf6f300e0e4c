#include "obverse/losses/likelihoods.h"

#include <ATen/ATen.h>

#include <cmath>

namespace obverse {

using at::softplus;
using at::Tensor;

namespace {

Tensor gaussian(const Tensor& x, const Tensor& mean, const Tensor& log_scale, int64_t) {
  return gaussian_log_prob(x, mean, log_scale);
}

// sum of b log p + (1 - b) log(1 - p), b = (x + 1) / 2: pixels that are on or off.
Tensor bernoulli(const Tensor& x, const Tensor& logits, const Tensor&, int64_t) {
  return ((x + 1) * 0.5 * logits - softplus(logits)).flatten(1).sum(1);
}

// The logistic distribution's probability of each level's interval, the outermost reaching to infinity. With a and b
// the ends of an interval in units of the scale, sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a)),
// which loses no digits.
Tensor discretised_logistic(const Tensor& x, const Tensor& mean, const Tensor& log_scale, int64_t levels) {
  const double half = 1.0 / static_cast<double>(levels - 1);
  const Tensor rate = (-log_scale).exp();
  const Tensor a = (x - mean + half) * rate, b = (x - mean - half) * rate;
  const Tensor below = -softplus(-a), above = -softplus(b);  // log sigmoid(a), log(1 - sigmoid(b))
  const Tensor width = at::log(-at::expm1(-2 * half * rate));
  const Tensor inner = below + above + width;
  const double edge = 1 - 0.5 * half;
  return at::where(x < -edge, below, at::where(x > edge, above, inner)).flatten(1).sum(1);
}

}  // namespace

const std::vector<LikelihoodRow>& likelihood_table() {
  static const std::vector<LikelihoodRow> table = {
      {"gaussian", "Kingma 2014, appendix C.2, one learned standard deviation (Rybkin 2021); a density", gaussian,
       false, true, false},
      {"bernoulli", "Kingma 2014, appendix C.1: each pixel on or off", bernoulli, true, false},
      {"discretised-logistic", "Kingma 2016, section 5.2: probabilities of an image's levels, one learned scale",
       discretised_logistic},
  };
  return table;
}

Tensor gaussian_log_prob(const Tensor& x, const Tensor& mean, const Tensor& log_scale) {
  const Tensor noise = (x - mean) * (-log_scale).exp();
  return (-0.5 * noise.square() - log_scale - 0.5 * std::log(2 * M_PI)).flatten(1).sum(1);
}

Tensor log_mean_exp(const Tensor& log_weights) {
  return at::logsumexp(log_weights, 0) - std::log(static_cast<double>(log_weights.size(0)));
}

Tensor moment_divergence(const Tensor& codes) {
  const Tensor variance = codes.var(0, /*unbiased=*/false).clamp_min(1e-6);
  return 0.5 * (codes.mean(0).square() + variance - 1 - variance.log());
}

}  // namespace obverse
