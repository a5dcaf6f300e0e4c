#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "obverse/data/dataset.h"

namespace obverse {

/// KL(p || uniform) in nats of a histogram [K]; 0 log 0 = 0. Infinite samples of a perfect generator read 0, N of them
/// about (K - 1) / (2 N). Nothing counted at all: log K, as for a single mode.
double kl_to_uniform(const at::Tensor& counts);

struct MixtureModes {
  int64_t modes = 0;        // of the mixture
  int64_t captured = 0;     // nearest mode of at least one high-quality sample
  double high_quality = 0;  // share of samples within 3 std of the nearest mode; 0.989 is ideal in the plane
  double reverse_kl = 0;    // KL(histogram of high-quality samples over modes || uniform)
  at::Tensor counts;        // int64 [K]: high-quality samples of each mode
  at::Tensor stds;          // float64 [K]: spread of these about their own mean, a coordinate; NaN below two samples.
                            // The cut at 3 std makes an ideal mode read 0.974 of the true std in the plane.
};

/// The protocol of VEEGAN (Srivastava 2017) and PacGAN (Lin 2018) for samples [N, D]; N = 2,500 there.
MixtureModes mixture_modes(const at::Tensor& samples, const Mixture& mixture);

/// The mixture that these data are of, if they are of one.
std::optional<Mixture> known_mixture(const Dataset& data);

struct ClassModes {
  int64_t modes = 0;
  int64_t captured = 0;  // modes with a sample
  double kl = 0;         // KL(p_generated || uniform) in nats
};

/// Stacked MNIST (Metz 2017): digits int64 [N, 3], each in 0 .. 9, as a classifier sees the three channels; 1000 modes.
/// N = 26,000 there; counting alone gives a perfect generator 0.019.
ClassModes stacked_modes(const at::Tensor& digits, int64_t classes = 10);

}  // namespace obverse
