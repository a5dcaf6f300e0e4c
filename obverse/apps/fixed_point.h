#pragma once

#include <cstdint>

namespace obverse {

/// Numbers as integers: what feeds an entropy coder has to come out the same on every machine, to the last bit, so it
/// is computed without rounding that an instruction set or a number of threads could change.
///
/// Three units: networks have activations in 2^-14, arguments of functions are in 2^-20, shares of 1 in 2^-30.
inline constexpr int kActivationBits = 14, kArgumentBits = 20, kShareBits = 30;
inline constexpr int64_t kWholeShare = int64_t{1} << kShareBits;

/// 1 / (1 + e^-t). t in 2^-20; returns a share, 0 .. 2^30. Rises with t, never falls.
int64_t integer_sigmoid(int64_t t);

/// The standard normal distribution function. t in 2^-20; returns a share. Rises with t, never falls.
int64_t integer_normal_cdf(int64_t t);

/// The t, in 2^-20, at which integer_normal_cdf reaches `share`, 0 < share < 2^30.
int64_t integer_normal_quantile(int64_t share);

/// e^t. t in 2^-14, taken into -16 .. 8; returns it in 2^-24.
int64_t integer_exp(int64_t t);

/// tanh t. t and what it returns in 2^-14.
int64_t integer_tanh(int64_t t);

}  // namespace obverse
