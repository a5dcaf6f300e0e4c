#pragma once

#include "obverse/layers/tile_products.h"

#if defined(__x86_64__) && defined(__linux__) && !defined(__clang__)
#define OBVERSE_TILES 1

#include <immintrin.h>

#include <cstdlib>

#include "obverse/core/vectorised.h"

/// What products on the matrix units are made of; for files of kernels alone.
namespace obverse {

#define OBVERSE_TILE_CODE __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")))

constexpr int64_t kTile = 512;  // bfloat16s in a tile: 16 rows of 32, or 16 pairs of rows of 16

inline int64_t rounded_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

template <class T>
struct Workspace {  // aligned, kept by each thread
  T* get(size_t n) {
    if (n > size) {
      std::free(data);
      size = n;
      data = static_cast<T*>(std::aligned_alloc(64, rounded_up(static_cast<int64_t>(n * sizeof(T)), 64)));
    }
    return data;
  }
  ~Workspace() { std::free(data); }
  T* data = nullptr;
  size_t size = 0;
};

struct alignas(64) TileConfiguration {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t bytes_a_row[16] = {};
  uint8_t rows[16] = {};
};

// The compiler does not know what memory the units read: everything before must be written, nothing kept back.
OBVERSE_INLINE void settle_memory() { __asm__ volatile("" ::: "memory"); }

OBVERSE_TILE_CODE inline void begin_tiles() {
  TileConfiguration all;
  for (int i = 0; i < 8; ++i) all.bytes_a_row[i] = 64, all.rows[i] = 16;
  __asm__ volatile("ldtilecfg %0" ::"m"(all));
}
OBVERSE_TILE_CODE inline void end_tiles() { _tile_release(); }

// 16 rows of 16 numbers become columns.
OBVERSE_TILE_CODE __attribute__((always_inline)) inline void transpose(__m512i (&r)[16]) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
  }
  for (int i = 0; i < 4; ++i) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
    r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
    r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
  }
}

// Of 16 bfloat16s each, pairs (a, b).
OBVERSE_TILE_CODE __attribute__((always_inline)) inline __m512i pairs(const Half* a, const Half* b) {
  const __m512i low =
      a ? _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(a))) : _mm512_setzero_si512();
  const __m512i high =
      b ? _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(b))) : _mm512_setzero_si512();
  return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

OBVERSE_TILE_CODE __attribute__((always_inline)) inline __m256i rounded(const float* x) {
  return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_loadu_ps(x)));
}

// Sums c [32, 32] are in tiles 0 to 3 while a block is multiplied.
constexpr int64_t kSumBytes = 128;  // a row
OBVERSE_TILE_CODE __attribute__((always_inline)) inline void zero_sums() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}
OBVERSE_TILE_CODE __attribute__((always_inline)) inline void load_sums(const float* c) {
  _tile_loadd(0, c, kSumBytes);
  _tile_loadd(1, c + 16, kSumBytes);
  _tile_loadd(2, c + 512, kSumBytes);
  _tile_loadd(3, c + 528, kSumBytes);
}
OBVERSE_TILE_CODE __attribute__((always_inline)) inline void store_sums(float* c) {
  _tile_stored(0, c, kSumBytes);
  _tile_stored(1, c + 16, kSumBytes);
  _tile_stored(2, c + 512, kSumBytes);
  _tile_stored(3, c + 528, kSumBytes);
}

// 32 of a row's sums as they are wanted.
OBVERSE_TILE_CODE __attribute__((always_inline)) inline void write_pixel(const float* sums, const float* bias,
                                                                         float slope, Half* to) {
  const __m512 bend = _mm512_set1_ps(slope), zero = _mm512_setzero_ps();
  __m512 low = _mm512_loadu_ps(sums), high = _mm512_loadu_ps(sums + 16);
  if (bias) low = _mm512_add_ps(low, _mm512_loadu_ps(bias)), high = _mm512_add_ps(high, _mm512_loadu_ps(bias + 16));
  low = _mm512_mask_mul_ps(low, _mm512_cmp_ps_mask(low, zero, _CMP_LT_OQ), low, bend);
  high = _mm512_mask_mul_ps(high, _mm512_cmp_ps_mask(high, zero, _CMP_LT_OQ), high, bend);
  _mm512_storeu_si512(to, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low)));
}

/// tile_products and tile_outer_product where rows are wide or channels in groups: from planes of padded pixels.
void plane_products(const std::vector<TileProduct>& products);
void plane_outer_product(const Half* slope, int64_t outputs, const Gather& a, float* to);

}  // namespace obverse

#endif
