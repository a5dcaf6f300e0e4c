#include "obverse/apps/level_distribution.h"

#include <algorithm>
#include <cmath>

#include "obverse/apps/fixed_point.h"
#include "obverse/core/error.h"
#include "obverse/losses/likelihoods.h"

namespace obverse {
namespace {

constexpr int kBits = LevelDistribution::kBits;
constexpr int64_t kWhole = int64_t{1} << kBits, kActivation = int64_t{1} << kActivationBits;
constexpr int64_t kMostMean = int64_t{16} << kArgumentBits;

// Of a number in 2^-14.
int64_t as_argument(int64_t x) {
  return std::clamp(x * (int64_t{1} << (kArgumentBits - kActivationBits)), -kMostMean, kMostMean);
}

int64_t as_activation(double x) { return static_cast<int64_t>(std::floor(x * static_cast<double>(kActivation) + 0.5)); }

}  // namespace

// Where a level ends and the next begins: (2 level - 256) / 255, the outermost ends lying at infinity.
uint32_t LevelDistribution::below(int64_t level) const {
  if (level <= 0) return 0;
  if (level >= 256) return static_cast<uint32_t>(kWhole);
  const int64_t edge = (2 * level - 256) * (int64_t{1} << kArgumentBits) / 255;
  int64_t sum = 0;  // in 2^-54
  for (const Logistic& part : parts) sum += part.weight * integer_sigmoid(((edge - part.mean) * part.rate) >> 24);
  return static_cast<uint32_t>(level + (((sum >> 24) * (kWhole - 256)) >> kShareBits));
}

Interval LevelDistribution::interval(int64_t level) const {
  const uint32_t start = below(level);
  return {start, below(level + 1) - start};
}

int64_t LevelDistribution::level_at(uint32_t share) const {
  int64_t low = 0, high = 256;  // below(low) <= share < below(high)
  while (high - low > 1) {
    const int64_t middle = (low + high) / 2;
    (below(middle) <= share ? low : high) = middle;
  }
  return low;
}

static uint32_t share_of_off(int64_t logit) {
  return static_cast<uint32_t>(1 + ((integer_sigmoid(-as_argument(logit)) * (kWhole - 2)) >> kShareBits));
}

Interval on_or_off(int64_t logit, bool on) {
  const uint32_t off = share_of_off(logit);
  return on ? Interval{off, static_cast<uint32_t>(kWhole) - off} : Interval{0, off};
}

bool is_on(int64_t logit, uint32_t share) { return share >= share_of_off(logit); }

PixelCoder::PixelCoder(const CodingNetworks& parts, int64_t outputs, int64_t pixels, int64_t channels,
                       const std::string& where)
    : pixels_(pixels), channels_(channels) {
  if (parts.likelihood == "bernoulli") {
    kind_ = Kind::bernoulli;
  } else if (parts.likelihood == "discretised-logistic") {
    kind_ = Kind::logistic;
    rate_ = integer_exp(-as_activation(parts.log_scale));
  } else if (parts.likelihood == "logistic-mixture") {
    kind_ = Kind::mixture;
    components_ = outputs / (3 * pixels);
  } else {
    fail(
        "{}: its likelihood, {}, is a density: images are coded by probabilities of their levels; train with "
        "game.likelihood = \"logistic-mixture\"",
        where, parts.likelihood);
  }
}

int64_t PixelCoder::logit(const double* numbers, int64_t pixel) const {
  return 2 * static_cast<int64_t>(numbers[pixel]);
}

// A channel of a mixture is K planes of logits, K of means, K of log scales.
void PixelCoder::describe(const double* numbers, int64_t pixel, LevelDistribution& levels) const {
  levels.parts.resize(static_cast<size_t>(components_));
  if (kind_ == Kind::logistic) {
    levels.parts[0] = {kWhole, as_argument(integer_tanh(static_cast<int64_t>(numbers[pixel]))), rate_};
    return;
  }
  const int64_t plane = pixels_ / channels_, channel = pixel / plane;
  const double* first = numbers + channel * 3 * components_ * plane + pixel % plane;
  const auto number = [&](int64_t kind, int64_t k) {
    return static_cast<int64_t>(first[(kind * components_ + k) * plane]);
  };
  int64_t most = number(0, 0), sum = 0, rest = kWhole;
  for (int64_t k = 1; k < components_; ++k) most = std::max(most, number(0, k));
  for (int64_t k = 0; k < components_; ++k)
    sum += levels.parts[static_cast<size_t>(k)].weight = integer_exp(number(0, k) - most);
  size_t likeliest = 0;
  for (int64_t k = 0; k < components_; ++k) {
    LevelDistribution::Logistic& part = levels.parts[static_cast<size_t>(k)];
    part.weight = part.weight * kWhole / sum;
    rest -= part.weight;
    if (part.weight > levels.parts[likeliest].weight) likeliest = static_cast<size_t>(k);
    part.mean = as_argument(number(1, k) + as_activation(mixture_first_mean(k, components_)));
    const int64_t log_scale =
        std::max(number(2, k) + as_activation(kMixtureFirstLogScale), as_activation(kMixtureLeastLogScale));
    part.rate = integer_exp(-log_scale);
  }
  levels.parts[likeliest].weight += rest;
}

void PixelCoder::push(Rans& rans, const uint8_t* image, const double* numbers) const {
  LevelDistribution levels;
  for (int64_t i = 0; i < pixels_; ++i) {
    if (binary()) {
      rans.push(on_or_off(logit(numbers, i), image[i] > 127), kBits);
      continue;
    }
    describe(numbers, i, levels);
    rans.push(levels.interval(image[i]), kBits);
  }
}

void PixelCoder::pop(Rans& rans, uint8_t* image, const double* numbers) const {
  LevelDistribution levels;
  for (int64_t i = pixels_ - 1; i >= 0; --i) {
    const uint32_t share = rans.peek(kBits);
    if (binary()) {
      const bool on = is_on(logit(numbers, i), share);
      image[i] = on ? 255 : 0;
      rans.pop(on_or_off(logit(numbers, i), on), kBits);
      continue;
    }
    describe(numbers, i, levels);
    const int64_t level = levels.level_at(share);
    image[i] = static_cast<uint8_t>(level);
    rans.pop(levels.interval(level), kBits);
  }
}

}  // namespace obverse
