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
// which loses no digits. Of each number on its own.
Tensor logistic_levels(const Tensor& x, const Tensor& mean, const Tensor& log_scale, int64_t levels) {
  const double half = 1.0 / static_cast<double>(levels - 1);
  const Tensor rate = (-log_scale).exp();
  const Tensor a = (x - mean + half) * rate, b = (x - mean - half) * rate;
  const Tensor below = -softplus(-a), above = -softplus(b);  // log sigmoid(a), log(1 - sigmoid(b))
  const Tensor width = at::log(-at::expm1(-2 * half * rate));
  const Tensor inner = below + above + width;
  const double edge = 1 - 0.5 * half;
  return at::where(x < -edge, below, at::where(x > edge, above, inner));
}

Tensor discretised_logistic(const Tensor& x, const Tensor& mean, const Tensor& log_scale, int64_t levels) {
  return logistic_levels(x, mean, log_scale, levels).flatten(1).sum(1);
}

struct Mixture {
  Tensor log_weight, mean, log_scale;  // [N, C, K, H, W]
};

Mixture mixture_of_output(const Tensor& output, int64_t channels) {
  const int64_t components = output.size(1) / (3 * channels);
  const std::vector<Tensor> parts =
      output.view({output.size(0), channels, 3 * components, output.size(2), output.size(3)}).chunk(3, 2);
  std::vector<double> first;
  for (int64_t k = 0; k < components; ++k) first.push_back(mixture_first_mean(k, components));
  const Tensor begin = at::tensor(first, output.options()).view({components, 1, 1});
  return {at::log_softmax(parts[0], 2), parts[1] + begin,
          (parts[2] + kMixtureFirstLogScale).clamp_min(kMixtureLeastLogScale)};
}

Tensor logistic_mixture(const Tensor& x, const Tensor& output, const Tensor&, int64_t levels) {
  const Mixture m = mixture_of_output(output, x.size(1));
  const Tensor each = logistic_levels(x.unsqueeze(2), m.mean, m.log_scale, levels);
  return at::logsumexp(m.log_weight + each, 2).flatten(1).sum(1);
}

}  // namespace

const std::vector<LikelihoodRow>& likelihood_table() {
  static const std::vector<LikelihoodRow> table = {
      {"gaussian", "Kingma 2014, appendix C.2, one learned standard deviation (Rybkin 2021); a density", gaussian,
       false, true, false, false, true},
      {"bernoulli", "Kingma 2014, appendix C.1: each pixel on or off", bernoulli, true, false},
      {"discretised-logistic", "Kingma 2016, section 5.2: probabilities of an image's levels, one learned scale",
       discretised_logistic},
      {"logistic-mixture", "Salimans 2017 (PixelCNN++), section 2.1: each pixel's own mixture of discretised logistics",
       logistic_mixture, true, false, true, true},
  };
  return table;
}

double mixture_first_mean(int64_t component, int64_t components) {
  return components == 1 ? 0 : -1 + 2 * static_cast<double>(component) / static_cast<double>(components - 1);
}

Tensor logistic_mixture_mean(const Tensor& output, int64_t channels) {
  const Mixture m = mixture_of_output(output, channels);
  return (m.log_weight.exp() * m.mean.clamp(-1, 1)).sum(2);
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
