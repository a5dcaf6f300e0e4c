#pragma once

#include <cstdint>
#include <vector>

namespace obverse {

/// The products of a convolution on the matrix units of recent processors (AMX): bfloat16 in, float32 sums. oneDNN has
/// such kernels too, but its gradients leave the units idle most of the time. To be called only where
/// processor_has_tiles().

using Half = uint16_t;  // a bfloat16's bits

/// Images [samples, height, width, channels] without gaps.
struct ImageSize {
  int64_t samples, height, width, channels;
  int64_t numel() const { return samples * height * width * channels; }
};

/// Rows of a matrix, gathered from images: row (n, i, j) is, tap after tap, the channels of pixel (step i + dy, step j
/// + dx) of image n, zeros where there is none. With groups, so many matrices side by side, each of its own run of
/// channels (a multiple of 32) and multiplied by a matrix of its own, whose columns make a run of the result's.
struct Gather {
  struct Tap {
    int64_t dy, dx;
  };
  const Half* from = nullptr;
  ImageSize image{};
  int64_t rows_high = 0, rows_wide = 0, step = 1;
  std::vector<Tap> taps;
  int64_t groups = 1;
  int64_t rows() const { return image.samples * rows_high * rows_wide; }
  int64_t columns() const { return static_cast<int64_t>(taps.size()) * image.channels / groups; }  // of a group
};

/// A matrix [rows, columns], or one a group, in the order in which the units take their second factor. Both are
/// multiples of 32.
struct TileMatrix {
  int64_t rows = 0, columns = 0;
  std::vector<Half> data;  // a tile of 32 rows by 16 columns after the other: pairs of rows interleaved
};

/// A matrix of floats, one of its strides 1: rows (tap, i), columns j: weight[tap_offsets[tap] + i row_stride + j
/// column_stride].
struct TapMatrix {
  const float* weight;
  const std::vector<int64_t>& tap_offsets;
  int64_t rows, row_stride;  // of a tap
  int64_t columns, column_stride;
};
/// Puts it into `to`, as the matrix of one of `groups` groups; the rows of each tap and the columns filled up with
/// zeros to multiples of 32.
void arrange_tiles(const TapMatrix& from, TileMatrix& to, int64_t group = 0, int64_t groups = 1);

/// Where rows of a product go: row (n, i, j), plus the bias [columns] where there is one, negative numbers times
/// `negative_slope`, to pixel (step i + y, step j + x) of image n.
struct Scatter {
  Half* to = nullptr;
  ImageSize image{};
  const float* bias = nullptr;
  float negative_slope = 1;
  int64_t y = 0, x = 0, step = 1;
};

/// Rows of `a` times b, to pixels.
struct TileProduct {
  Gather a;
  const TileMatrix& b;
  Scatter to;
};

/// Products that gather from one image with the same step and groups, so that it is read once.
void tile_products(const std::vector<TileProduct>& products);

/// to [channels of slope, columns of a] float32 = sum over rows r of slope[r] times a[r]. slope: [rows of a, outputs];
/// outputs and a's channels, those of a group where there are groups, are multiples of 32. Where rows are narrow
/// only the first kept_outputs and, of each tap, kept_channels are written: the others fill the units.
void tile_outer_product(const Half* slope, int64_t outputs, const Gather& a, float* to, int64_t kept_outputs,
                        int64_t kept_channels);

}  // namespace obverse
