#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace obverse {

/// log p(x | z) of a decoder, nats a sample.
struct LikelihoodRow {
  std::string name, source;
  /// x: [N, ...] of the domain; output: [N, ...], the logits where `of_logits`, else the means; log_scale: a scalar,
  /// undefined where there is no scale; levels of an image's channel. Returns [N].
  at::Tensor (*log_prob)(const at::Tensor& x, const at::Tensor& output, const at::Tensor& log_scale, int64_t levels);
  bool of_logits = false;
  bool has_scale = true;
  bool images_only = true;
  bool mixes = false;    // output: [N, 3 K C, H, W], of K components, as logistic_mixture_mean has it
  bool density = false;  // of real numbers, where the others are probabilities of levels
};

/// gaussian, bernoulli, discretised-logistic, logistic-mixture.
const std::vector<LikelihoodRow>& likelihood_table();

/// What a mixture's components start from: its last layer's outputs are added to these, so that components begin apart
/// and narrow. Log scales are kept above kMixtureLeastLogScale.
double mixture_first_mean(int64_t component, int64_t components);
inline constexpr double kMixtureFirstLogScale = -2, kMixtureLeastLogScale = -7;

/// E[x] of a mixture of logistics, within [-1, 1]: output [N, 3 K C, H, W], for each channel K logits, then K means,
/// then K log scales; returns [N, C, H, W].
at::Tensor logistic_mixture_mean(const at::Tensor& output, int64_t channels);

/// Gaussian noise of standard deviation exp(log_scale) on every number: x, mean [N, ...]; returns [N], nats.
at::Tensor gaussian_log_prob(const at::Tensor& x, const at::Tensor& mean, const at::Tensor& log_scale);

/// log(mean of exp) over dimension 0: [K, N] -> [N]. The importance-weighted bound of K log-weights: Burda 2016, eq. 8.
at::Tensor log_mean_exp(const at::Tensor& log_weights);

/// KL of the Gaussian with mean and variance of a batch's codes from N(0, 1), nats a number of the code, by number. A
/// batch statistic. [N, d] -> [d].
at::Tensor moment_divergence(const at::Tensor& codes);

}  // namespace obverse
