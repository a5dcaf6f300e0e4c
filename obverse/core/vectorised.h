#pragma once

#include <cstdint>
#include <cstring>

/// Before a function of plain loops: it is compiled for several widths of vector registers, and the processor's widest
/// is taken when the program starts.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define OBVERSE_VECTORISED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3")))
#else
#define OBVERSE_VECTORISED
#endif
/// Before the templates that such functions are made of.
#define OBVERSE_INLINE __attribute__((always_inline)) inline

namespace obverse {

/// A bfloat16 as it lies in memory: the upper half of a float32.
struct HalfFloat {
  uint16_t bits;
};

OBVERSE_INLINE float load(const float& x) { return x; }
OBVERSE_INLINE float load(const HalfFloat& x) {
  const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
OBVERSE_INLINE void store(float& to, float x) { to = x; }
OBVERSE_INLINE void store(HalfFloat& to, float x) {  // to the nearest, ties to even
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  to.bits = static_cast<uint16_t>(x == x ? rounded : 0x7fc0);  // not a number stays one
}

}  // namespace obverse
