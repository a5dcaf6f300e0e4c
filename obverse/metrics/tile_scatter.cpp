#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "obverse/core/engine.h"
#include "obverse/layers/tile_units.h"
#include "obverse/metrics/scatter.h"

namespace obverse {

#ifdef OBVERSE_TILES

namespace {

#define OBVERSE_BYTE_TILE_CODE \
  __attribute__((target("amx-tile,amx-int8,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16"), optimize("O3")))

constexpr int64_t kDigits = 3, kOrders = 2 * kDigits - 1;  // orders: powers of 256 in a product
constexpr double kMost = 127 * (1 + 256 + 65'536);         // of a number of three digits from -128 to 127
constexpr int64_t kDepth = 1024;  // rows at a time: an int32 holds the sums of three products of digits of 43,690 rows
constexpr int64_t kStrip = 16;    // columns side by side in a tile of 1024 bytes, 64 rows deep
constexpr int64_t kTileBytes = 1024, kTilesDeep = kDepth / 64, kStripBytes = kDigits * kTilesDeep * kTileBytes;
constexpr int64_t kBlock = 8;  // strips of a block, whose digits stay in cache

// What becomes of a column: (x - mean) * inverse_step is rounded to an integer.
struct Columns {
  explicit Columns(int64_t n)
      : count(n), mean(rounded_up(n, 2 * kStrip)), step(mean.size()), inverse_step(mean.size()) {}
  int64_t count;
  std::vector<double> mean, step, inverse_step;
};

// Sum, least and largest of `columns` columns.
OBVERSE_VECTORISED void look_at_columns(const float* x, int64_t stride, int64_t rows, int64_t columns,
                                        double* __restrict sum, float* __restrict least, float* __restrict most) {
  for (int64_t r = 0; r < rows; ++r, x += stride)
    for (int64_t c = 0; c < columns; ++c) {
      sum[c] += x[c];
      least[c] = x[c] < least[c] ? x[c] : least[c];
      most[c] = x[c] > most[c] ? x[c] : most[c];
    }
}

Columns columns_of(const at::Tensor& x) {
  constexpr int64_t kTogether = 256;
  Columns result(x.size(1));
  at::parallel_for(0, (x.size(1) + kTogether - 1) / kTogether, 1, [&](int64_t begin, int64_t end) {
    for (int64_t first = begin * kTogether; first < std::min(end * kTogether, x.size(1)); first += kTogether) {
      const int64_t count = std::min(kTogether, x.size(1) - first);
      double sum[kTogether] = {};
      float least[kTogether], most[kTogether];
      std::fill_n(least, kTogether, std::numeric_limits<float>::infinity());
      std::fill_n(most, kTogether, -std::numeric_limits<float>::infinity());
      look_at_columns(x.data_ptr<float>() + first, x.size(1), x.size(0), count, sum, least, most);
      for (int64_t c = 0; c < count; ++c) {
        const auto i = static_cast<size_t>(first + c);
        const double mean = sum[c] / static_cast<double>(x.size(0)), reach = std::max(most[c] - mean, mean - least[c]);
        result.mean[i] = mean;
        result.step[i] = reach / kMost;
        result.inverse_step[i] = reach > 0 ? kMost / reach : 0;
      }
    }
  });
  return result;
}

// Digits of 16 numbers of a row, the least significant in the lowest byte.
OBVERSE_BYTE_TILE_CODE __attribute__((always_inline)) inline __m512i digits_of(const float* x, __mmask16 valid,
                                                                               const double* mean,
                                                                               const double* inverse_step) {
  const __m512 row = _mm512_maskz_loadu_ps(valid, x);
  const auto half = [&](__m256 part, int64_t at) __attribute__((target("avx512f,avx512vl,avx512dq"))) {
    const __m512d deviation = _mm512_sub_pd(_mm512_cvtps_pd(part), _mm512_loadu_pd(mean + at));
    return _mm512_maskz_cvtpd_epi32(0xff,
                                    _mm512_mul_pd(deviation, _mm512_loadu_pd(inverse_step + at)));  // to the nearest
  };
  const __m256i low = half(_mm512_castps512_ps256(row), 0), high = half(_mm512_extractf32x8_ps(row, 1), 8);
  const __m512i shift = _mm512_set1_epi32(0x808080);  // bytes from 0 to 255 and back to -128 to 127
  const __m512i all = _mm512_add_epi32(_mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1), shift);
  return _mm512_maskz_xor_epi32(valid, all, shift);
}

// One strip of up to 1024 rows: by digit and 64 rows, tiles of columns to `right` (four rows of a column side by side)
// and their transposes to `left`.
OBVERSE_BYTE_TILE_CODE void pack_strip(const float* x, int64_t stride, int64_t rows, int64_t columns,
                                       const double* mean, const double* inverse_step, int8_t* left, int8_t* right) {
  const auto valid = static_cast<__mmask16>(columns >= kStrip ? 0xffff : (1 << columns) - 1);
  const __m512i byte = _mm512_set1_epi32(0xff);
  for (int64_t tile = 0; tile < kTilesDeep; ++tile) {
    __m512i numbers[64], r[16];
    for (int64_t k = 0; k < 64; ++k) {
      const int64_t row = 64 * tile + k;
      numbers[k] = row < rows ? digits_of(x + row * stride, valid, mean, inverse_step) : _mm512_setzero_si512();
    }
    for (int64_t d = 0; d < kDigits; ++d) {
      const int64_t to = (d * kTilesDeep + tile) * kTileBytes;
      for (int64_t k = 0; k < 16; ++k) {
        r[k] = _mm512_setzero_si512();
        for (int64_t i = 0; i < 4; ++i) {
          const __m512i digit =
              _mm512_and_si512(_mm512_srli_epi32(numbers[4 * k + i], static_cast<unsigned>(8 * d)), byte);
          r[k] = _mm512_or_si512(r[k], _mm512_slli_epi32(digit, static_cast<unsigned>(8 * i)));
        }
        _mm512_storeu_si512(right + to + 64 * k, r[k]);
      }
      transpose(r);
      for (int64_t k = 0; k < 16; ++k) _mm512_storeu_si512(left + to + 64 * k, r[k]);
    }
  }
}

// sums [order][32][32] of two strips with two strips.
OBVERSE_BYTE_TILE_CODE void multiply_strips(const int8_t* left, const int8_t* right, int32_t* sums) {
  for (int64_t order = 0; order < kOrders; ++order, sums += 32 * 32) {
    settle_memory();
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t i = std::max<int64_t>(0, order - kDigits + 1); i <= std::min(order, kDigits - 1); ++i) {
      const int8_t *a = left + i * kTilesDeep * kTileBytes, *b = right + (order - i) * kTilesDeep * kTileBytes;
      for (int64_t k = 0; k < kTilesDeep; ++k, a += kTileBytes, b += kTileBytes) {
        _tile_loadd(6, b, 64);
        _tile_loadd(4, a, 64);
        _tile_loadd(7, b + kStripBytes, 64);
        _tile_dpbssd(0, 4, 6);
        _tile_loadd(5, a + kStripBytes, 64);
        _tile_dpbssd(1, 4, 7);
        _tile_dpbssd(2, 5, 6);
        _tile_dpbssd(3, 5, 7);
      }
    }
    _tile_stored(0, sums, 128);
    _tile_stored(1, sums + 16, 128);
    _tile_stored(2, sums + 512, 128);
    _tile_stored(3, sums + 528, 128);
    settle_memory();
  }
}

// to[j] += a row's sums of every order, put together.
OBVERSE_BYTE_TILE_CODE void add_row(const int32_t* sums, double step, const double* steps, int64_t count,
                                    double* __restrict to) {
  for (int64_t j = 0; j < count; ++j) {
    int64_t sum = 0;
    for (int64_t order = kOrders - 1; order >= 0; --order) sum = sum * 256 + sums[order * 32 * 32 + j];
    to[j] += static_cast<double>(sum) * (step * steps[j]);
  }
}

/// Adds the products of rows to a matrix, kDepth rows at a time, on and below its diagonal.
class Products {
 public:
  Products(const Columns& columns, const at::Tensor& result)
      : columns_(columns), result_(result), strips_(static_cast<int64_t>(columns.mean.size()) / kStrip) {
    left_ = at::empty({strips_ * kStripBytes}, at::kChar);
    right_ = at::empty_like(left_);
  }

  void add(const at::Tensor& x) {
    at::parallel_for(0, strips_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t s = begin; s < end; ++s)
        pack_strip(x.data_ptr<float>() + s * kStrip, x.size(1), x.size(0),
                   std::max<int64_t>(0, columns_.count - s * kStrip), &columns_.mean[static_cast<size_t>(s * kStrip)],
                   &columns_.inverse_step[static_cast<size_t>(s * kStrip)], strip(left_, s), strip(right_, s));
    });
    const int64_t blocks = (strips_ + kBlock - 1) / kBlock;
    at::parallel_for(0, blocks * (blocks + 1) / 2, 1, [&](int64_t begin, int64_t end) {
      begin_tiles();
      for (int64_t pair = begin; pair < end; ++pair) {
        const auto i = static_cast<int64_t>((std::sqrt(8.0 * static_cast<double>(pair) + 1) - 1) / 2);
        add_block(i, pair - i * (i + 1) / 2);
      }
      end_tiles();
    });
  }

 private:
  static int8_t* strip(const at::Tensor& packed, int64_t s) { return packed.data_ptr<int8_t>() + s * kStripBytes; }

  void add_block(int64_t block, int64_t other) {
    alignas(64) int32_t sums[kOrders * 32 * 32];
    for (int64_t a = block * kBlock; a < std::min((block + 1) * kBlock, strips_); a += 2)
      for (int64_t b = other * kBlock; b < std::min((other + 1) * kBlock, strips_) && b <= a; b += 2) {
        multiply_strips(strip(left_, a), strip(right_, b), sums);
        const int64_t rows = std::min<int64_t>(32, columns_.count - a * kStrip),
                      count = std::min<int64_t>(32, columns_.count - b * kStrip);
        for (int64_t i = 0; i < rows; ++i) {
          const int64_t row = a * kStrip + i;
          add_row(sums + 32 * i, columns_.step[static_cast<size_t>(row)],
                  &columns_.step[static_cast<size_t>(b * kStrip)], count,
                  result_.data_ptr<double>() + row * columns_.count + b * kStrip);
        }
      }
  }

  const Columns& columns_;
  at::Tensor result_, left_, right_;
  int64_t strips_;
};

}  // namespace

MeanAndScatter tile_scatter_of(const at::Tensor& features) {
  const at::Tensor x = features.contiguous();
  const Columns columns = columns_of(x);
  MeanAndScatter result;
  result.mean = at::empty({x.size(1)}, at::kDouble);
  std::copy_n(columns.mean.begin(), x.size(1), result.mean.data_ptr<double>());
  result.matrix = at::zeros({x.size(1), x.size(1)}, at::kDouble);
  if (!result.mean.sum().isfinite().item<bool>()) return result;
  Products products(columns, result.matrix);
  for (const at::Tensor& part : x.split(kDepth)) products.add(part);
  constexpr int64_t kPanel = 64;
  for (int64_t i = 0; i < x.size(1); i += kPanel) {  // above the diagonal, the mirror of what is below
    const at::Tensor middle = result.matrix.slice(0, i, i + kPanel).slice(1, i, i + kPanel);
    middle.copy_(middle.tril() + middle.tril(-1).t());
    result.matrix.slice(0, i, i + kPanel)
        .slice(1, i + kPanel)
        .copy_(result.matrix.slice(0, i + kPanel).slice(1, i, i + kPanel).t());
  }
  return result;
}

bool has_byte_tiles() { return processor_has_tiles() && __builtin_cpu_supports("amx-int8"); }

#else

bool has_byte_tiles() { return false; }

MeanAndScatter tile_scatter_of(const at::Tensor& x) { return plain_scatter_of(x); }

#endif

}  // namespace obverse
