#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>

#include "obverse/layers/tile_units.h"

#ifdef OBVERSE_TILES

namespace obverse {
namespace {

/// A sample's pixels as the taps of some products see them. With step s the pixels fall into s * s planes, one a
/// remainder of (y, x); each is padded by the zeros that taps touch, and lies in blocks of 32 channels. Row (i, j) of a
/// product is pixel i * width + j of a plane, from where each tap is a fixed distance away: 16 rows in turn are a tile
/// as they lie. The rows between j = rows_wide and the plane's width are nobody's.
struct Planes {
  const Half* from;
  ImageSize image;
  int64_t step, blocks;                 // of 32 channels
  int64_t top = 0, left = 0;            // of a plane's first pixel, in steps
  int64_t height = 0, width = 0;        // in pixels of a plane
  int64_t rows = 0;                     // of a product, in multiples of 32
  int64_t pixels = 0;                   // a plane has, with those that only nobody's rows reach
  std::vector<Gather::Tap> remainders;  // of each plane
  bool as_it_lies = true;               // the image itself is the plane

  explicit Planes(const std::vector<const Gather*>& all)
      : from(all[0]->from), image(all[0]->image), step(all[0]->step), blocks(image.channels / 32) {
    int64_t bottom = 0, right = 0, rows_high = 0, rows_wide = 0;
    bool first = true;
    for (const Gather* a : all) {
      for (const Gather::Tap& tap : a->taps) {
        if (plane_of(tap) == remainders.size()) remainders.push_back(remainder(tap));
        const Gather::Tap at = steps(tap);
        if (first) top = bottom = at.dy, left = right = at.dx, first = false;
        top = std::min(top, at.dy), bottom = std::max(bottom, at.dy);
        left = std::min(left, at.dx), right = std::max(right, at.dx);
      }
      rows_high = std::max(rows_high, a->rows_high), rows_wide = std::max(rows_wide, a->rows_wide);
    }
    height = rows_high + bottom - top, width = rows_wide + right - left;
    rows = rounded_up((rows_high - 1) * width + rows_wide, 32);
    pixels = rounded_up((bottom - top) * width + right - left + rows + 1, 2);  // an even number, and one more: pairs
    as_it_lies = step == 1 && top == 0 && left == 0 && height == image.height && width == image.width &&
                 height == rows_high && width == rows_wide && rows == height * width;
  }
  // A tap's plane, and from a product's row to its pixel there.
  size_t plane_of(const Gather::Tap& tap) const {
    const Gather::Tap r = remainder(tap);
    size_t i = 0;
    while (i < remainders.size() && (remainders[i].dy != r.dy || remainders[i].dx != r.dx)) ++i;
    return i;
  }
  int64_t distance(const Gather::Tap& tap) const { return (steps(tap).dy - top) * width + steps(tap).dx - left; }
  int64_t sample() const { return image.height * image.width * image.channels; }

 private:
  Gather::Tap remainder(const Gather::Tap& t) const {
    return {((t.dy % step) + step) % step, ((t.dx % step) + step) % step};
  }
  Gather::Tap steps(const Gather::Tap& t) const {
    const Gather::Tap r = remainder(t);
    return {(t.dy - r.dy) / step, (t.dx - r.dx) / step};
  }
};

// Channels 32 block.. of a plane of sample n.
OBVERSE_TILE_CODE void fill_plane(const Planes& p, int64_t n, size_t plane, int64_t block, Half* to) {
  const ImageSize& image = p.image;
  const __m512i nothing = _mm512_setzero_si512();
  for (int64_t i = 0; i < p.height; ++i) {
    const int64_t y = (i + p.top) * p.step + p.remainders[plane].dy;
    const bool outside = y < 0 || y >= image.height;
    const Half* row = p.from + n * p.sample() + (outside ? 0 : y) * image.width * image.channels + 32 * block;
    for (int64_t j = 0; j < p.width; ++j, to += 32) {
      const int64_t x = (j + p.left) * p.step + p.remainders[plane].dx;
      const bool empty = outside || x < 0 || x >= image.width;
      _mm512_store_si512(to, empty ? nothing : _mm512_loadu_si512(row + x * image.channels));
    }
  }
  for (int64_t left = p.pixels - p.height * p.width; left > 0; --left, to += 32) _mm512_store_si512(to, nothing);
}

// c [32, 32] = a b: a: for each distance in halves 32 numbers of 32 rows, `step` apart; b two columns of tiles, side by
// side.
OBVERSE_TILE_CODE void multiply_rows(const Half* a, int64_t step, const std::vector<int64_t>& distances, const Half* b,
                                     float* c) {
  settle_memory();
  zero_sums();
  for (const int64_t distance : distances) {
    const Half* rows = a + distance;
    _tile_loadd(6, b, 64);
    _tile_loadd(4, rows, 2 * step);
    _tile_loadd(7, b + kTile, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(5, rows + 16 * step, 2 * step);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
    b += 2 * kTile;
  }
  store_sums(c);
  settle_memory();
}

// Sums of 32 rows from `row` on to their pixels; column: of all groups' columns.
OBVERSE_TILE_CODE void write_rows(const float* sums, const Gather& a, const Scatter& to, int64_t plane_width, int64_t n,
                                  int64_t row, int64_t column) {
  int64_t i = row / plane_width, j = row % plane_width;
  const float* bias = to.bias ? to.bias + column : nullptr;
  for (int64_t r = 0; r < 32 && i < a.rows_high; ++r) {
    if (j < a.rows_wide) {
      const int64_t y = i * to.step + to.y, x = j * to.step + to.x;
      write_pixel(sums + 32 * r, bias, to.negative_slope,
                  to.to + ((n * to.image.height + y) * to.image.width + x) * to.image.channels + column);
    }
    if (++j == plane_width) j = 0, ++i;
  }
}

// One of the products, in terms of planes.
struct PlaneProduct {
  const TileProduct& of;
  int64_t panels;                  // 32 columns each, of all groups
  std::vector<int64_t> distances;  // in halves, tap after tap, block after block of a group's channels

  PlaneProduct(const TileProduct& product, const Planes& p)
      : of(product), panels(product.a.groups * product.b.columns / 32) {
    for (const Gather::Tap& tap : of.a.taps)
      for (int64_t k = 0; k < p.blocks / of.a.groups; ++k) {
        const auto plane = static_cast<int64_t>(p.plane_of(tap));
        distances.push_back(p.as_it_lies ? 32 * k : 32 * ((plane * p.blocks + k) * p.pixels + p.distance(tap)));
      }
  }
  // Of sample n, whose planes these are, a panel.
  OBVERSE_TILE_CODE void multiply(const Planes& p, int64_t n, const Half* planes, int64_t panel) const {
    alignas(64) float c[1024];
    const int64_t group = panel * of.a.groups / panels, block = group * p.blocks / of.a.groups;
    const Half* second = of.b.data.data() + panel * static_cast<int64_t>(distances.size()) * 2 * kTile;
    const Half* first = planes + 32 * block * (p.as_it_lies ? 1 : p.pixels);
    const int64_t step = p.as_it_lies ? p.image.channels : 32;
    for (int64_t row = 0; row < p.rows; row += 32) {
      multiply_rows(first + row * step, step, distances, second, c);
      write_rows(c, of.a, of.to, p.width, n, row, 32 * panel);
    }
  }
};

template <class F>
void parallel(int64_t count, const F& f) {  // f(begin, end)
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    begin_tiles();
    f(begin, end);
    end_tiles();
  });
}

// Pairs of pixels (0, 1), (2, 3), ...: 16 channels of both in turn, twice.
OBVERSE_TILE_CODE void interleave(const Half* plane, int64_t step, int64_t count, Half* to) {
  for (int64_t q = 0; q < count; ++q, plane += 2 * step, to += 64) {
    _mm512_store_si512(to, pairs(plane, plane + step));
    _mm512_store_si512(to + 32, pairs(plane + 16, plane + step + 16));
  }
}

// Outputs 16 strip.. of a sample's slope as first factors of an outer product, zeros in rows that are nobody's.
OBVERSE_TILE_CODE void fill_slope(const Half* slope, int64_t outputs, const Gather& a, const Planes& p, int64_t strip,
                                  Half* to) {
  const Half* at = slope + 16 * strip;
  int64_t i = 0, j = 0;
  const auto next = [&]() -> const Half* {
    const bool somebodys = j < a.rows_wide && i < a.rows_high;
    const Half* const pixel = somebodys ? at : nullptr;
    if (somebodys) at += outputs;
    if (++j == p.width) j = 0, ++i;
    return pixel;
  };
  __m512i r[16];
  for (int64_t row = 0; row < p.rows; row += 32, to += kTile) {
    for (__m512i& both : r) {
      const Half* const even = next();
      both = pairs(even, next());
    }
    transpose(r);
    for (int k = 0; k < 16; ++k) _mm512_store_si512(to + 32 * k, r[k]);
  }
}

// Factors of several samples, as far apart as `first_size` and `second_size` say.
struct Factors {
  const Half *first, *second;
  int64_t first_size, second_size, samples, depth;
};

// c [32, 32] += a b: a two rows of tiles, the second after the first; b: pairs of 32 channels.
OBVERSE_TILE_CODE void multiply_pairs(const Factors& f, float* c) {
  constexpr int64_t kPairBytes = 128;  // 32 channels of two pixels
  settle_memory();
  load_sums(c);
  for (int64_t n = 0; n < f.samples; ++n) {
    const Half *a = f.first + n * f.first_size, *b = f.second + n * f.second_size;
    for (int64_t k = 0; k < f.depth; ++k, a += kTile, b += 2 * kTile) {
      _tile_loadd(6, b, kPairBytes);
      _tile_loadd(4, a, 64);
      _tile_loadd(7, b + 32, kPairBytes);
      _tile_dpbf16ps(0, 4, 6);
      _tile_loadd(5, a + f.depth * kTile, 64);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  store_sums(c);
  settle_memory();
}

/// Some channels and outputs of an outer product, computed by one thread from beginning to end: factors stay in its
/// cache.
struct OuterProduct {
  const Half* slope;
  int64_t outputs;
  const Gather& a;
  const Planes& p;
  int64_t blocks = p.blocks / a.groups, strips = outputs / a.groups / 16;  // of a group

  // Blocks of channels [first_block, last_block) of all groups', strips [first_strip, last_strip) of their groups'
  // outputs, to `to` [outputs, columns].
  void compute(int64_t first_block, int64_t last_block, int64_t first_strip, int64_t last_strip, float* to) const {
    static thread_local Workspace<Half> plane, firsts, seconds;
    static thread_local Workspace<float> sums;
    constexpr int64_t kRows = 1024;  // at a time
    const auto taps = static_cast<int64_t>(a.taps.size()), planes = static_cast<int64_t>(p.remainders.size());
    const int64_t most = std::min(std::max<int64_t>(1, kRows / p.rows), p.image.samples), depth = p.rows / 32;
    const int64_t first_group = first_block / blocks, last_group = (last_block - 1) / blocks + 1;
    const int64_t count = last_strip - first_strip, strip_size = depth * kTile;
    Factors f{nullptr, nullptr, (last_group - first_group) * count * strip_size, 2 * planes * 32 * p.pixels, 0, depth};
    Half *const first = firsts.get(most * f.first_size), *const second = seconds.get(most * f.second_size);
    const int64_t size = (last_block - first_block) * taps * count * 512;
    float* const c = sums.get(size);
    std::fill_n(c, size, 0.0F);
    for (int64_t begin = 0; begin < p.image.samples; begin += most) {
      f.samples = std::min(most, p.image.samples - begin);
      for (int64_t n = 0; n < f.samples; ++n)
        for (int64_t g = first_group; g < last_group; ++g)
          for (int64_t s = 0; s < count; ++s)
            fill_slope(slope + (begin + n) * a.rows_high * a.rows_wide * outputs, outputs, a, p,
                       g * strips + first_strip + s,
                       first + n * f.first_size + ((g - first_group) * count + s) * strip_size);
      for (int64_t block = first_block; block < last_block; ++block) {
        for (int64_t n = 0; n < f.samples; ++n)
          for (int64_t i = 0; i < planes; ++i)
            fill_pairs(begin + n, i, block, plane, second + n * f.second_size + 2 * i * 32 * p.pixels);
        for (int64_t t = 0; t < taps; ++t) {
          const int64_t distance = p.as_it_lies ? 0 : p.distance(a.taps[t]);
          const auto plane_of_tap = static_cast<int64_t>(p.plane_of(a.taps[t]));
          f.second = second + (2 * plane_of_tap + distance % 2) * 32 * p.pixels + 64 * (distance / 2);
          for (int64_t s = 0; s < count; s += 2) {
            f.first = first + ((block / blocks - first_group) * count + s) * strip_size;
            multiply_pairs(f, c + (((block - first_block) * taps + t) * count + s) * 512);
          }
        }
      }
    }
    for (int64_t block = first_block; block < last_block; ++block)
      for (int64_t t = 0; t < taps; ++t)
        for (int64_t o = 0; o < 16 * count; ++o)
          std::copy_n(c + (((block - first_block) * taps + t) * count * 16 + o) * 32, 32,
                      to + ((block / blocks * strips + first_strip) * 16 + o) * taps * blocks * 32 +
                          (t * blocks + block % blocks) * 32);
  }

 private:
  // Pairs from the first pixel on; after them pairs from the second, where a tap is an odd distance away.
  void fill_pairs(int64_t n, int64_t which, int64_t block, Workspace<Half>& plane, Half* to) const {
    if (p.as_it_lies) return interleave(p.from + n * p.sample() + 32 * block, p.image.channels, p.rows / 2, to);
    Half* pixels = plane.get(32 * p.pixels);
    fill_plane(p, n, which, block, pixels);
    interleave(pixels, 32, p.pixels / 2, to);
    interleave(pixels + 32, 32, p.pixels / 2 - 1, to + 32 * p.pixels);
  }
};

}  // namespace

void plane_products(const std::vector<TileProduct>& products) {
  std::vector<const Gather*> gathers;
  for (const TileProduct& product : products) gathers.push_back(&product.a);
  const Planes p(gathers);
  std::vector<PlaneProduct> parts;
  for (const TileProduct& product : products) parts.emplace_back(product, p);
  const int64_t count = static_cast<int64_t>(p.remainders.size()) * p.blocks, size = 32 * p.pixels * count;
  const auto fill = [&](int64_t n, int64_t i, Half* planes) {
    fill_plane(p, n, i / p.blocks, i % p.blocks, planes + 32 * i * p.pixels);
  };
  if (p.image.samples >= 4 * at::get_num_threads()) {
    parallel(p.image.samples, [&](int64_t begin, int64_t end) {
      static thread_local Workspace<Half> own;
      Half* const planes = p.as_it_lies ? nullptr : own.get(size);
      for (int64_t n = begin; n < end; ++n) {
        for (int64_t i = 0; planes && i < count; ++i) fill(n, i, planes);
        for (const PlaneProduct& part : parts)
          for (int64_t i = 0; i < part.panels; ++i) part.multiply(p, n, planes ? planes : p.from + n * p.sample(), i);
      }
    });
    return;
  }
  static thread_local Workspace<Half> shared;  // a few samples: each is shared
  Half* const planes = p.as_it_lies ? nullptr : shared.get(size);
  for (int64_t n = 0; n < p.image.samples; ++n) {
    if (planes)
      parallel(count, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) fill(n, i, planes);
      });
    parallel(parts[0].panels, [&](int64_t begin, int64_t end) {
      for (const PlaneProduct& part : parts)
        for (int64_t i = begin; i < end; ++i) part.multiply(p, n, planes ? planes : p.from + n * p.sample(), i);
    });
  }
}

void plane_outer_product(const Half* slope, int64_t outputs, const Gather& a, float* to) {
  const Planes p({&a});
  const OuterProduct product{slope, outputs, a, p};
  if (p.blocks >= at::get_num_threads())
    parallel(p.blocks, [&](int64_t begin, int64_t end) { product.compute(begin, end, 0, product.strips, to); });
  else
    parallel(product.strips / 2,
             [&](int64_t begin, int64_t end) { product.compute(0, p.blocks, 2 * begin, 2 * end, to); });
}

}  // namespace obverse

#endif
