#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>

#include "obverse/layers/tile_units.h"

#ifdef OBVERSE_TILES

namespace obverse {
namespace {

/// A sample's pixels as the taps see them. With step s the pixels fall into s * s planes, one a remainder of (y, x);
/// each is padded by the zeros that taps touch, and lies in blocks of 32 channels. Row (i, j) of the product is pixel
/// i * width + j of a plane, from where each tap is a fixed distance away: 16 rows in turn are a tile as they lie. The
/// rows between j = rows_wide and the plane's width are nobody's.
struct Planes {
  struct Plane {
    int64_t y, x;  // remainders
  };
  int64_t top = 0, left = 0;      // of the plane's first pixel, in steps
  int64_t height = 0, width = 0;  // in pixels of a plane
  int64_t rows = 0;               // of the product, in multiples of 32
  int64_t pixels = 0;             // a plane has, with those that only nobody's rows reach
  int64_t blocks = 0;             // of 32 channels
  std::vector<Plane> planes;
  std::vector<int64_t> plane_of, distance;  // of each tap

  explicit Planes(const Gather& a) : blocks(a.image.channels / 32) {
    int64_t bottom = 0, right = 0;
    std::vector<std::pair<int64_t, int64_t>> steps;
    for (size_t t = 0; t < a.taps.size(); ++t) {
      const int64_t y = remainder(a.taps[t].dy, a.step), x = remainder(a.taps[t].dx, a.step);
      const auto found =
          std::find_if(planes.begin(), planes.end(), [&](const Plane& p) { return p.y == y && p.x == x; });
      plane_of.push_back(found - planes.begin());
      if (found == planes.end()) planes.push_back({y, x});
      steps.emplace_back((a.taps[t].dy - y) / a.step, (a.taps[t].dx - x) / a.step);
      if (t == 0) std::tie(top, left) = std::tie(bottom, right) = steps[0];
      top = std::min(top, steps[t].first), bottom = std::max(bottom, steps[t].first);
      left = std::min(left, steps[t].second), right = std::max(right, steps[t].second);
    }
    height = a.rows_high + bottom - top, width = a.rows_wide + right - left;
    for (const auto& [y, x] : steps) distance.push_back((y - top) * width + x - left);
    rows = rounded_up((a.rows_high - 1) * width + a.rows_wide, 32);
    pixels = rounded_up((bottom - top) * width + right - left + rows + 1, 2);  // an even number, and one more: pairs
  }
  static int64_t remainder(int64_t n, int64_t of) { return ((n % of) + of) % of; }
  int64_t count() const { return static_cast<int64_t>(planes.size()) * blocks; }
  int64_t block(int64_t plane, int64_t channel_block) const { return (plane * blocks + channel_block) * pixels; }
};

// Block `b` of a plane of sample n.
OBVERSE_TILE_CODE void fill_plane(const Gather& a, const Planes& p, int64_t n, int64_t plane, int64_t b, Half* to) {
  const ImageSize& image = a.image;
  const __m512i nothing = _mm512_setzero_si512();
  for (int64_t i = 0; i < p.height; ++i) {
    const int64_t y = (i + p.top) * a.step + p.planes[plane].y;
    const bool outside = y < 0 || y >= image.height;
    const Half* row = a.from + ((n * image.height + y) * image.width) * image.channels + 32 * b;
    for (int64_t j = 0; j < p.width; ++j, to += 32) {
      const int64_t x = (j + p.left) * a.step + p.planes[plane].x;
      const bool empty = outside || x < 0 || x >= image.width;
      _mm512_store_si512(to, empty ? nothing : _mm512_loadu_si512(row + x * image.channels));
    }
  }
  for (int64_t left = p.pixels - p.height * p.width; left > 0; --left, to += 32) _mm512_store_si512(to, nothing);
}

// c [32, 32] = a b: a: 32 rows of 32 numbers for each distance in halves, b two columns of tiles, side by side.
OBVERSE_TILE_CODE void multiply_rows(const Half* a, const int64_t* distances, const Half* b, int64_t depth, float* c) {
  constexpr int64_t kBytes = 128;
  settle_memory();
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int64_t k = 0; k < depth; ++k, b += 2 * kTile) {
    const Half* rows = a + distances[k];
    _tile_loadd(6, b, 64);
    _tile_loadd(4, rows, 64);
    _tile_loadd(7, b + kTile, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(5, rows + kTile, 64);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, c, kBytes);
  _tile_stored(1, c + 16, kBytes);
  _tile_stored(2, c + 512, kBytes);
  _tile_stored(3, c + 528, kBytes);
  settle_memory();
}

// Sums of 32 rows from `row` on to their pixels; column: of the product.
OBVERSE_TILE_CODE void write_rows(const float* sums, const Gather& a, const Planes& p, const Scatter& to, int64_t n,
                                  int64_t row, int64_t column) {
  int64_t i = row / p.width, j = row % p.width;
  const float* bias = to.bias ? to.bias + column : nullptr;
  for (int64_t r = 0; r < 32 && i < a.rows_high; ++r) {
    if (j < a.rows_wide) {
      const int64_t y = i * to.step + to.y, x = j * to.step + to.x;
      write_pixel(sums + 32 * r, bias, to.negative_slope,
                  to.to + ((n * to.image.height + y) * to.image.width + x) * to.image.channels + column);
    }
    if (++j == p.width) j = 0, ++i;
  }
}

struct PlaneProduct {
  const Gather& a;
  const TileMatrix& b;
  const Scatter& to;
  Planes p{a};
  int64_t blocks = p.blocks / a.groups, depth = static_cast<int64_t>(a.taps.size()) * blocks, panels = b.columns / 32;
  std::vector<int64_t> distances = [this] {  // from a plane's first pixel, in halves, tap after tap
    std::vector<int64_t> result;
    for (size_t t = 0; t < a.taps.size(); ++t)
      for (int64_t k = 0; k < blocks; ++k) result.push_back(32 * (p.block(p.plane_of[t], k) + p.distance[t]));
    return result;
  }();

  void fill(int64_t n, int64_t which, Half* planes) const {
    fill_plane(a, p, n, which / p.blocks, which % p.blocks, planes + 32 * which * p.pixels);
  }
  // Of sample n, whose planes these are, 32 columns.
  OBVERSE_TILE_CODE void multiply(int64_t n, const Half* planes, int64_t group, int64_t panel) const {
    alignas(64) float c[1024];
    const Half* second = b.data.data() + (group * panels + panel) * depth * 2 * kTile;
    for (int64_t row = 0; row < p.rows; row += 32) {
      multiply_rows(planes + 32 * (p.block(0, group * blocks) + row), distances.data(), second, depth, c);
      write_rows(c, a, p, to, n, row, group * b.columns + 32 * panel);
    }
  }
};

// Pairs of pixels (0, 1), (2, 3), ... or, one further, (1, 2), (3, 4), ...: 16 channels of both in turn, twice.
OBVERSE_TILE_CODE void interleave(const Half* plane, int64_t count, Half* to) {
  for (int64_t q = 0; q < count; ++q, plane += 64, to += 64) {
    _mm512_store_si512(to, pairs(plane, plane + 32));
    _mm512_store_si512(to + 32, pairs(plane + 16, plane + 48));
  }
}

// Outputs 16 strip.. of a sample's slope as first factors of an outer product, zeros in rows that are nobody's.
OBVERSE_TILE_CODE void fill_slope(const Half* slope, int64_t outputs, const Gather& a, const Planes& p, int64_t strip,
                                  Half* to) {
  int64_t i = 0, j = 0;
  const auto next = [&]() -> const Half* {
    const bool somebodys = i < a.rows_high && j < a.rows_wide;
    const Half* at = somebodys ? slope + (i * a.rows_wide + j) * outputs + 16 * strip : nullptr;
    if (++j == p.width) j = 0, ++i;
    return at;
  };
  __m512i r[16];
  for (int64_t row = 0; row < p.rows; row += 32, to += kTile) {
    for (__m512i& both : r) {
      const Half *even = next(), *odd = next();
      both = pairs(even, odd);
    }
    transpose(r);
    for (int k = 0; k < 16; ++k) _mm512_store_si512(to + 32 * k, r[k]);
  }
}

// c [32, 32] += a b: a two rows of tiles, `a_step` apart; b: pairs of 32 channels.
OBVERSE_TILE_CODE void multiply_pairs(const Half* a, int64_t a_step, const Half* b, int64_t depth, float* c) {
  constexpr int64_t kBytes = 128;
  settle_memory();
  _tile_loadd(0, c, kBytes);
  _tile_loadd(1, c + 16, kBytes);
  _tile_loadd(2, c + 512, kBytes);
  _tile_loadd(3, c + 528, kBytes);
  for (int64_t k = 0; k < depth; ++k, a += kTile, b += 2 * kTile) {
    _tile_loadd(6, b, kBytes);
    _tile_loadd(4, a, 64);
    _tile_loadd(7, b + 32, kBytes);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(5, a + a_step, 64);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, c, kBytes);
  _tile_stored(1, c + 16, kBytes);
  _tile_stored(2, c + 512, kBytes);
  _tile_stored(3, c + 528, kBytes);
  settle_memory();
}

template <class F>
void parallel(int64_t count, const F& f) {
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    begin_tiles();
    for (int64_t i = begin; i < end; ++i) f(i);
    end_tiles();
  });
}

}  // namespace

void plane_product(const Gather& a, const TileMatrix& b, const Scatter& to) {
  const PlaneProduct product{a, b, to};
  const int64_t samples = a.image.samples, planes = product.p.count(), size = 32 * product.p.pixels * planes;
  if (samples >= 4 * at::get_num_threads()) {
    parallel(samples, [&](int64_t n) {
      static thread_local Workspace<Half> own;
      Half* pixels = own.get(size);
      for (int64_t i = 0; i < planes; ++i) product.fill(n, i, pixels);
      for (int64_t i = 0; i < a.groups * product.panels; ++i)
        product.multiply(n, pixels, i / product.panels, i % product.panels);
    });
    return;
  }
  static thread_local Workspace<Half> shared;  // a few samples: each is shared
  Half* pixels = shared.get(size);
  for (int64_t n = 0; n < samples; ++n) {
    parallel(planes, [&](int64_t i) { product.fill(n, i, pixels); });
    parallel(a.groups * product.panels,
             [&](int64_t i) { product.multiply(n, pixels, i / product.panels, i % product.panels); });
  }
}

void plane_outer_product(const Half* slope, int64_t outputs, const Gather& a, float* to) {
  static thread_local Workspace<Half> firsts, seconds;
  static thread_local Workspace<float> sums;
  const Planes p(a);
  const int64_t taps = static_cast<int64_t>(a.taps.size()), planes = p.count(), depth = p.rows / 32;
  const int64_t blocks = p.blocks / a.groups, outputs_a_group = outputs / a.groups, strips = outputs / 16;
  constexpr int64_t kRows = 1024;  // at a time, so that factors stay in cache
  const int64_t most = std::max<int64_t>(1, kRows / p.rows), panels = a.groups * taps * blocks;
  const int64_t first_size = strips * depth * kTile, pairs_size = 32 * p.pixels, second_size = 2 * planes * pairs_size;
  Half *first = firsts.get(most * first_size), *second = seconds.get(most * second_size);
  float* c = sums.get(outputs_a_group * panels * 32);  // 32 columns after the other, group after group
  std::fill_n(c, outputs_a_group * panels * 32, 0.0F);
  for (int64_t begin = 0; begin < a.image.samples; begin += most) {
    const int64_t count = std::min(most, a.image.samples - begin);
    parallel(count * (strips + planes), [&](int64_t i) {
      const int64_t n = i / (strips + planes), part = i % (strips + planes);
      if (part < strips)
        return fill_slope(slope + (begin + n) * a.rows_high * a.rows_wide * outputs, outputs, a, p, part,
                          first + n * first_size + part * depth * kTile);
      static thread_local Workspace<Half> plane;
      Half *pixels = plane.get(32 * p.pixels), *even = second + n * second_size + 2 * (part - strips) * pairs_size;
      fill_plane(a, p, begin + n, (part - strips) / p.blocks, (part - strips) % p.blocks, pixels);
      interleave(pixels, p.pixels / 2, even);
      interleave(pixels + 32, p.pixels / 2 - 1, even + pairs_size);
    });
    parallel(panels, [&](int64_t i) {
      const int64_t group = i / (taps * blocks), tap = i / blocks % taps, block = group * blocks + i % blocks;
      const int64_t odd = p.distance[tap] % 2, pair = p.distance[tap] / 2;
      const Half* b = second + (2 * (p.plane_of[tap] * p.blocks + block) + odd) * pairs_size + 64 * pair;
      for (int64_t s = 0; s < outputs_a_group / 16; s += 2)
        for (int64_t n = 0; n < count; ++n)
          multiply_pairs(first + n * first_size + (group * outputs_a_group / 16 + s) * depth * kTile, depth * kTile,
                         b + n * second_size, depth, c + 32 * outputs_a_group * i + 512 * s);
    });
  }
  at::parallel_for(0, outputs, 16, [&](int64_t from, int64_t last) {
    for (int64_t o = from; o < last; ++o) {
      const int64_t group = o / outputs_a_group, columns = taps * blocks;
      for (int64_t k = 0; k < columns; ++k)
        std::copy_n(c + 32 * (outputs_a_group * (group * columns + k) + o % outputs_a_group), 32,
                    to + 32 * (o * columns + k));
    }
  });
}

}  // namespace obverse

#endif
