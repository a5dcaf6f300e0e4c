#include "obverse/layers/tile_products.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "obverse/layers/tile_units.h"

namespace obverse {

#ifdef OBVERSE_TILES

namespace {

constexpr int64_t kDepth = 512;  // of the products' inner dimension at a time, so that factors stay in cache
constexpr int64_t kBlockRows = 256;
constexpr int64_t kWide = 8;  // from here on rows of pixels make planes, of which the border is a small part

// c [32, 32] = or += a b: a two rows of tiles, `a_step` apart; b two columns of tiles, side by side.
OBVERSE_TILE_CODE void multiply_block(const Half* a, int64_t a_step, const Half* b, int64_t depth, float* c, bool add) {
  settle_memory();
  if (add) {
    load_sums(c);
  } else {
    zero_sums();
  }
  for (int64_t k = 0; k < depth; ++k, a += kTile, b += 2 * kTile) {
    _tile_loadd(6, b, 64);
    _tile_loadd(4, a, 64);
    _tile_loadd(7, b + kTile, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(5, a + a_step, 64);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  store_sums(c);
  settle_memory();
}

// A tile whose column n is weight[n column_stride + 0 .. 31], pairs of rows interleaved.
OBVERSE_TILE_CODE void tile_of_columns(const float* weight, int64_t column_stride, Half* to) {
  __m512i r[16];
  for (int n = 0; n < 16; ++n) {
    const __m256i low = rounded(weight + n * column_stride), high = rounded(weight + n * column_stride + 16);
    r[n] = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
  }
  transpose(r);
  for (int k = 0; k < 16; ++k) _mm512_storeu_si512(to + 32 * k, r[k]);
}

// A tile whose row k is weight[k row_stride + 0 .. 15], pairs of rows interleaved.
OBVERSE_TILE_CODE void tile_of_rows(const float* weight, int64_t row_stride, Half* to) {
  for (int k = 0; k < 16; ++k) {
    const __m512i low = _mm512_cvtepu16_epi32(rounded(weight + 2 * k * row_stride));
    const __m512i high = _mm512_cvtepu16_epi32(rounded(weight + (2 * k + 1) * row_stride));
    _mm512_storeu_si512(to + 32 * k, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
  }
}

// Where a gathered row lies: image n, pixel (y, x) before the tap's offset. n < 0: beyond the last row.
struct Place {
  int64_t n, y, x;
};
Place place_of(const Gather& a, int64_t row) {
  if (row >= a.rows()) return {-1, 0, 0};
  const int64_t pixels = a.rows_high * a.rows_wide, pixel = row % pixels;
  return {row / pixels, pixel / a.rows_wide * a.step, pixel % a.rows_wide * a.step};
}
const Half* channels_at(const Gather& a, const Place& p, const Gather::Tap& tap) {
  const int64_t y = p.y + tap.dy, x = p.x + tap.dx;
  if (p.n < 0 || y < 0 || x < 0 || y >= a.image.height || x >= a.image.width) return nullptr;
  return a.from + ((p.n * a.image.height + y) * a.image.width + x) * a.image.channels;
}

// First factors: rows [begin, begin + 16 strips) of `a`, columns [32 first, 32 last): a strip of 16 rows after the
// other, each a row of tiles.
OBVERSE_TILE_CODE void pack_rows(const Gather& a, int64_t begin, int64_t strips, int64_t first, int64_t last,
                                 Half* to) {
  const int64_t depth = last - first, blocks_a_tap = a.image.channels / 32;
  for (int64_t s = 0; s < strips; ++s)
    for (int64_t r = 0; r < 16; ++r) {
      const Place place = place_of(a, begin + 16 * s + r);
      Half* row = to + s * depth * kTile + 32 * r;
      int64_t block = first % blocks_a_tap, k = first;
      for (int64_t tap = first / blocks_a_tap; k < last; ++tap, block = 0) {
        const int64_t count = std::min(last - k, blocks_a_tap - block);
        if (const Half* from = channels_at(a, place, a.taps[tap])) {
          from += 32 * block;
          for (int64_t i = 0; i < count; ++i, row += kTile, from += 32)
            _mm512_store_si512(row, _mm512_loadu_si512(from));
        } else {
          for (int64_t i = 0; i < count; ++i, row += kTile) _mm512_store_si512(row, _mm512_setzero_si512());
        }
        k += count;
      }
    }
}

// First factors of an outer product: outputs [0, outputs) as rows, slope's rows [begin, end) as columns, up to a
// multiple of 32 of them; strips from .. to of 16 outputs.
OBVERSE_TILE_CODE void pack_transposed(const Half* slope, int64_t outputs, int64_t begin, int64_t end, int64_t depth,
                                       int64_t strip, Half* to) {
  __m512i r[16];
  for (int64_t k = 0; k < depth; ++k) {
    for (int64_t i = 0; i < 16; ++i) {
      const int64_t row = begin + 32 * k + 2 * i;
      const Half* at = slope + row * outputs + 16 * strip;
      r[i] = pairs(row < end ? at : nullptr, row + 1 < end ? at + outputs : nullptr);
    }
    transpose(r);
    for (int i = 0; i < 16; ++i) _mm512_storeu_si512(to + k * kTile + 32 * i, r[i]);
  }
}

// Second factors of an outer product: rows as placed, the 32 channels from `channel` of one tap.
OBVERSE_TILE_CODE void pack_pairs(const Gather& a, const std::vector<Place>& places, const Gather::Tap& tap,
                                  int64_t channel, Half* to) {
  for (size_t k = 0; k < places.size(); k += 32, to += 2 * kTile)
    for (size_t i = 0; i < 32; i += 2) {
      const Half *even = channels_at(a, places[k + i], tap), *odd = channels_at(a, places[k + i + 1], tap);
      for (int half = 0; half < 2; ++half) {
        const int64_t from = channel + 16 * half;
        _mm512_storeu_si512(to + half * kTile + 16 * i,
                            pairs(even ? even + from : nullptr, odd ? odd + from : nullptr));
      }
    }
}

// sums: 32 of the row's numbers, the next 32 `step` further.
OBVERSE_TILE_CODE void write_row(const float* sums, int64_t step, const float* bias, float slope, Half* to, int64_t n) {
  for (int64_t i = 0; i < n; i += 32, sums += step) write_pixel(sums, bias ? bias + i : nullptr, slope, to + i);
}

// Rows [begin, end), columns [left, right) of the product.
void product_of_rows(const Gather& a, const TileMatrix& b, const Scatter& to, int64_t begin, int64_t end, int64_t left,
                     int64_t right) {
  static thread_local Workspace<Half> first_factor;
  static thread_local Workspace<float> sums;
  const int64_t n = right - left, tiles_deep = b.rows / 32, most = kDepth / 32;
  begin_tiles();
  for (int64_t row = begin; row < end; row += kBlockRows) {
    const int64_t rows = std::min(kBlockRows, end - row), strips = rounded_up(rows, 32) / 16;
    float* c = sums.get(kBlockRows * n);
    for (int64_t k = 0; k < tiles_deep; k += most) {
      const int64_t depth = std::min(most, tiles_deep - k);
      Half* packed = first_factor.get(kBlockRows * kDepth);
      pack_rows(a, row, strips, k, k + depth, packed);
      for (int64_t column = 0; column < n; column += 32) {
        const Half* panel = b.data.data() + ((left + column) / 32 * tiles_deep + k) * 2 * kTile;
        for (int64_t s = 0; s < strips; s += 2)
          multiply_block(packed + s * depth * kTile, depth * kTile, panel, depth, c + column * kBlockRows + 512 * s,
                         k > 0);
      }
    }
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t pixels = a.rows_high * a.rows_wide, image = (row + r) / pixels, pixel = (row + r) % pixels;
      const int64_t y = pixel / a.rows_wide * to.step + to.y, x = pixel % a.rows_wide * to.step + to.x;
      Half* pixel_at = to.to + ((image * to.image.height + y) * to.image.width + x) * to.image.channels;
      write_row(c + 32 * r, 32 * kBlockRows, to.bias ? to.bias + left : nullptr, to.negative_slope, pixel_at + left, n);
    }
  }
  end_tiles();
}

}  // namespace

// Rows and columns [32, 16] from `from` on, of which so many are there, as a tile.
static void arrange_tile(const float* from, const TapMatrix& m, int64_t rows, int64_t columns, Half* tile) {
  if (rows >= 32 && columns >= 16) {
    m.row_stride == 1 ? tile_of_columns(from, m.column_stride, tile) : tile_of_rows(from, m.row_stride, tile);
    return;
  }
  float all[32 * 16] = {};
  for (int64_t i = 0; i < std::min<int64_t>(rows, 32); ++i)
    for (int64_t j = 0; j < std::min<int64_t>(columns, 16); ++j)
      all[16 * i + j] = from[i * m.row_stride + j * m.column_stride];
  tile_of_rows(all, 16, tile);
}

void arrange_tiles(const TapMatrix& from, TileMatrix& to, int64_t group, int64_t groups) {
  const auto taps = static_cast<int64_t>(from.tap_offsets.size());
  const int64_t blocks = rounded_up(from.rows, 32) / 32, panels = rounded_up(from.columns, 32) / 32;
  to.rows = 32 * taps * blocks, to.columns = 32 * panels;
  to.data.resize(groups * to.rows * to.columns);
  Half* const data = to.data.data() + group * to.rows * to.columns;
  at::parallel_for(0, panels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel)
      for (int64_t k = 0; k < taps * blocks; ++k)
        for (int64_t half = 0; half < 2; ++half) {
          const int64_t row = k % blocks * 32, column = 32 * panel + 16 * half;
          arrange_tile(from.weight + from.tap_offsets[k / blocks] + row * from.row_stride + column * from.column_stride,
                       from, from.rows - row, from.columns - column,
                       data + ((panel * taps * blocks + k) * 2 + half) * kTile);
        }
  });
}

static void tile_product(const TileProduct& product) {
  const auto& [a, b, to] = product;
  const int64_t blocks = rounded_up(a.rows(), 32) / 32, panels = b.columns / 32;
  if (blocks > 4 * at::get_num_threads()) {
    at::parallel_for(0, blocks, 1, [&, &a = a, &b = b, &to = to](int64_t begin, int64_t end) {
      product_of_rows(a, b, to, 32 * begin, std::min(32 * end, a.rows()), 0, b.columns);
    });
  } else {  // a few pixels: reading the weights is the work, and is shared
    at::parallel_for(0, panels, 1, [&, &a = a, &b = b, &to = to](int64_t begin, int64_t end) {
      product_of_rows(a, b, to, 0, a.rows(), 32 * begin, 32 * end);
    });
  }
}

void tile_products(const std::vector<TileProduct>& products) {
  if (products[0].a.groups > 1 || products[0].a.rows_wide >= kWide) return plane_products(products);
  for (const TileProduct& product : products) tile_product(product);
}

// Rows of sums [32], to or onto rows `step` apart, of which so many columns are there.
static void write_sums(const float* sums, int64_t rows, int64_t columns, bool add, float* to, int64_t step) {
  for (int64_t i = 0; i < rows; ++i, sums += 32, to += step) {
    if (!add)
      std::copy_n(sums, columns, to);
    else
      for (int64_t j = 0; j < columns; ++j) to[j] += sums[j];
  }
}

void tile_outer_product(const Half* slope, int64_t outputs, const Gather& a, float* to, int64_t kept_outputs,
                        int64_t kept_channels) {
  const auto taps = static_cast<int64_t>(a.taps.size());
  const int64_t rows = a.rows(), channels = a.image.channels, strips = outputs / 16, columns = taps * kept_channels;
  if (a.groups > 1 || a.rows_wide >= kWide) return plane_outer_product(slope, outputs, a, to);
  static thread_local Workspace<Half> factors;
  Half* first = factors.get(outputs * kDepth);
  for (int64_t begin = 0; begin < rows; begin += kDepth) {
    const int64_t end = std::min(begin + kDepth, rows), depth = rounded_up(end - begin, 32) / 32;
    at::parallel_for(0, strips, 1, [&](int64_t from, int64_t last) {
      for (int64_t s = from; s < last; ++s)
        pack_transposed(slope, outputs, begin, end, depth, s, first + s * depth * kTile);
    });
    at::parallel_for(0, a.columns() / 32, 1, [&](int64_t from, int64_t last) {
      static thread_local Workspace<Half> second;
      static thread_local Workspace<float> sums;
      Half* panel = second.get(32 * kDepth);
      float* const c = sums.get(32 * outputs);
      std::vector<Place> places(32 * depth);
      for (size_t i = 0; i < places.size(); ++i) places[i] = place_of(a, begin + static_cast<int64_t>(i));
      begin_tiles();
      for (int64_t p = from; p < last; ++p) {
        const int64_t tap = 32 * p / channels, channel = 32 * p % channels;
        pack_pairs(a, places, a.taps[tap], channel, panel);
        for (int64_t s = 0; s < strips; s += 2)
          multiply_block(first + s * depth * kTile, depth * kTile, panel, depth, c + 512 * s, false);
        write_sums(c, kept_outputs, std::min<int64_t>(32, kept_channels - channel), begin > 0,
                   to + tap * kept_channels + channel, columns);
      }
      end_tiles();
    });
  }
}

#else

void arrange_tiles(const TapMatrix&, TileMatrix&, int64_t, int64_t) {}
void tile_products(const std::vector<TileProduct>&) {}
void tile_outer_product(const Half*, int64_t, const Gather&, float*, int64_t, int64_t) {}

#endif

}  // namespace obverse
