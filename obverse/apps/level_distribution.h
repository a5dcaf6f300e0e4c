#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "obverse/apps/rans.h"
#include "obverse/models/dense_layers.h"

namespace obverse {

/// How probable a pixel's levels 0 .. 255 are, as whole shares of 2^kBits: a mixture of discretised logistics. Every
/// level has a share, so that any image can be coded.
class LevelDistribution {
 public:
  static constexpr int kBits = 24;
  Interval interval(int64_t level) const;
  /// The level whose interval holds `share`, 0 .. 2^kBits - 1.
  int64_t level_at(uint32_t share) const;

  struct Logistic {
    int64_t weight = 0;  // in 2^-24; the weights of a mixture add up to 1
    int64_t mean = 0;    // in 2^-20, within +-16
    int64_t rate = 0;    // 1 / scale, in 2^-24, at most e^8
  };
  std::vector<Logistic> parts;

 private:
  uint32_t below(int64_t level) const;  // shares of all lower levels
};

/// A pixel that is on (255) or off (0), whole shares of 2^24. logit: of on, in 2^-14.
Interval on_or_off(int64_t logit, bool on);
bool is_on(int64_t logit, uint32_t share);

/// The likelihoods of likelihood_table() that can be coded, in integers: what a decoder's numbers say of each pixel.
class PixelCoder {
 public:
  /// parts: of which likelihood and log_scale count. outputs: numbers of the decoder, pixels: of an image, channels of
  /// it. Throws UserError naming `where` when the likelihood is a density.
  PixelCoder(const CodingNetworks& parts, int64_t outputs, int64_t pixels, int64_t channels, const std::string& where);

  /// Pixels on or off only.
  bool binary() const { return kind_ == Kind::bernoulli; }
  /// image: `pixels` bytes; numbers: the decoder's for it, whole, in 2^-14.
  void push(Rans& rans, const uint8_t* image, const double* numbers) const;
  void pop(Rans& rans, uint8_t* image, const double* numbers) const;

 private:
  enum class Kind { bernoulli, logistic, mixture };
  void describe(const double* numbers, int64_t pixel, LevelDistribution& levels) const;
  int64_t logit(const double* numbers, int64_t pixel) const;

  Kind kind_;
  int64_t pixels_, channels_, components_ = 1, rate_ = 0;
};

}  // namespace obverse
