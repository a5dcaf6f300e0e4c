#include "obverse/metrics/near_pairs.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "obverse/core/engine.h"
#include "obverse/core/error.h"
#include "obverse/core/onednn.h"
#include "obverse/core/vectorised.h"

namespace obverse {
namespace {

constexpr int64_t kChunk = 256;  // columns between two looks at a row's limit

// Products of all pairs of rows: a [R, F], b [C, F] bfloat16, to out [R, C] float32.
void bfloat16_products(const at::Tensor& a, const at::Tensor& b, const at::Tensor& out) {
  using dnnl::memory;
  dnnl::engine& engine = onednn_engine();
  const int64_t rows = a.size(0), columns = b.size(0), width = a.size(1);
  const auto half = memory::data_type::bf16;
  const memory::desc left({rows, width}, half, memory::dims{width, 1}),
      right({width, columns}, half, memory::dims{1, width}),
      product({rows, columns}, memory::data_type::f32, memory::dims{columns, 1});
  const dnnl::matmul matmul(describe<dnnl::matmul>({}, left, right, product));
  matmul.execute(onednn_stream(), {{DNNL_ARG_SRC, {left, engine, a.data_ptr()}},
                                   {DNNL_ARG_WEIGHTS, {right, engine, b.data_ptr()}},
                                   {DNNL_ARG_DST, {product, engine, out.data_ptr()}}});
}

// What the bounds of a row's pairs are made of; columns from the first of a chunk.
struct Row {
  const float* products;
  const float *squares, *norms, *errors, *limits;  // of the columns; limits may be null
  float square, norm, error, limit;                // of the row; norm and error doubled
};

// Twice the most that a product may be wrong by.
OBVERSE_INLINE float doubt(const Row& r, int64_t j) { return r.error * r.norms[j] + r.norm * r.errors[j]; }

OBVERSE_INLINE float low_bound(const Row& r, int64_t j) {
  return r.square + r.squares[j] - 2 * r.products[j] - doubt(r, j);
}

// Positions among `count` columns whose low bound is within a limit, to `found`; returns how many.
OBVERSE_VECTORISED int64_t within_limit(const Row& r, int64_t count, int32_t* __restrict found) {
  constexpr int64_t kLanes = 32;
  int64_t n = 0;
  for (int64_t begin = 0; begin < count; begin += kLanes) {
    const int64_t end = std::min(count, begin + kLanes);
    int any = 0;
    if (r.limits) {
      for (int64_t j = begin; j < end; ++j) any |= low_bound(r, j) <= std::max(r.limit, r.limits[j]);
    } else {
      for (int64_t j = begin; j < end; ++j) any |= low_bound(r, j) <= r.limit;
    }
    if (!any) continue;
    for (int64_t j = begin; j < end; ++j)
      if (low_bound(r, j) <= (r.limits ? std::max(r.limit, r.limits[j]) : r.limit))
        found[n++] = static_cast<int32_t>(j);
  }
  return n;
}

template <class T>
OBVERSE_INLINE double squared_distance_of(const T* a, const T* b, int64_t n) {
  constexpr int64_t kLanes = 16;
  double sums[kLanes] = {};
  int64_t f = 0;
  for (; f + kLanes <= n; f += kLanes)
    for (int64_t l = 0; l < kLanes; ++l) {
      const double d = static_cast<double>(a[f + l]) - static_cast<double>(b[f + l]);
      sums[l] += d * d;
    }
  for (int64_t l = 0; f < n; ++f, ++l) {
    const double d = static_cast<double>(a[f]) - static_cast<double>(b[f]);
    sums[l] += d * d;
  }
  double sum = 0;
  for (const double s : sums) sum += s;
  return sum;
}

OBVERSE_VECTORISED double squared_distance(const float* a, const float* b, int64_t n) {
  return squared_distance_of(a, b, n);
}
OBVERSE_VECTORISED double squared_distance(const double* a, const double* b, int64_t n) {
  return squared_distance_of(a, b, n);
}

// Of a row about the middle as it is (d) and rounded (r): |d|^2, |r|^2, |d - r|^2.
struct Squares {
  double own, rounded, error;
};

template <class T, class R>
OBVERSE_INLINE Squares round_row_of(const T* x, const double* middle, int64_t n, R* rounded) {
  constexpr int64_t kLanes = 16;
  double own[kLanes] = {}, after[kLanes] = {}, error[kLanes] = {};
  const auto step = [&](int64_t f, int64_t l) {
    const double d = static_cast<double>(x[f]) - middle[f];
    store(rounded[f], static_cast<float>(d));
    const double r = static_cast<double>(load(rounded[f]));
    own[l] += d * d;
    after[l] += r * r;
    error[l] += (d - r) * (d - r);
  };
  int64_t f = 0;
  for (; f + kLanes <= n; f += kLanes)
    for (int64_t l = 0; l < kLanes; ++l) step(f + l, l);
  for (int64_t l = 0; f < n; ++f, ++l) step(f, l);
  Squares sums{};
  for (int64_t l = 0; l < kLanes; ++l) sums.own += own[l], sums.rounded += after[l], sums.error += error[l];
  return sums;
}

OBVERSE_VECTORISED Squares round_row(const float* x, const double* middle, int64_t n, float* rounded) {
  return round_row_of(x, middle, n, rounded);
}
OBVERSE_VECTORISED Squares round_row(const float* x, const double* middle, int64_t n, HalfFloat* rounded) {
  return round_row_of(x, middle, n, rounded);
}
OBVERSE_VECTORISED Squares round_row(const double* x, const double* middle, int64_t n, float* rounded) {
  return round_row_of(x, middle, n, rounded);
}
OBVERSE_VECTORISED Squares round_row(const double* x, const double* middle, int64_t n, HalfFloat* rounded) {
  return round_row_of(x, middle, n, rounded);
}

// Rounds every row; norms that the rounding leaves, by row.
template <class T, class R>
std::vector<Squares> round_rows(const at::Tensor& rows, const at::Tensor& middle, at::Tensor& rounded) {
  std::vector<Squares> squares(static_cast<size_t>(rows.size(0)));
  const int64_t width = rows.size(1);
  at::parallel_for(0, rows.size(0), 64, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      squares[static_cast<size_t>(i)] = round_row(rows.data_ptr<T>() + i * width, middle.data_ptr<double>(), width,
                                                  static_cast<R*>(rounded.data_ptr()) + i * width);
  });
  return squares;
}

// Near the middle of the rows, where products are small and so are their errors: any point would do.
at::Tensor middle_of(const at::Tensor& x) {
  constexpr int64_t kRows = 1024;
  return x.slice(0, 0, x.size(0), std::max<int64_t>(1, x.size(0) / kRows)).to(at::kDouble).mean(0);
}

}  // namespace

float NearPairs::limit(double value) {
  return std::nextafter(static_cast<float>(value), std::numeric_limits<float>::infinity());
}

NearPairs::NearPairs(const at::Tensor& x, const at::Tensor& y, Pass pass) {
  if (x.size(1) != y.size(1))
    fail("features of {} and {} numbers cannot be compared: use one feature network for both", x.size(1), y.size(1));
  const auto type = x.scalar_type() == at::kDouble || y.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  x_.rows = x.to(type).contiguous();
  y_.rows = x.is_same(y) ? x_.rows : y.to(type).contiguous();
  const at::Tensor middle = middle_of(x_.rows);
  bfloat16_ = pass == Pass::bfloat16 || (pass == Pass::automatic && few_would_be_left(middle));
  x_ = prepare(x_.rows, middle, bfloat16_);
  y_ = y_.rows.is_same(x_.rows) ? x_ : prepare(y_.rows, middle, bfloat16_);
}

NearPairs::Side NearPairs::prepare(const at::Tensor& rows, const at::Tensor& middle, bool bfloat16) {
  Side side;
  side.rows = rows;
  side.rounded = at::empty(rows.sizes(), bfloat16 ? at::kBFloat16 : at::kFloat);
  const bool wide = rows.scalar_type() == at::kDouble;
  const auto round = bfloat16 ? (wide ? round_rows<double, HalfFloat> : round_rows<float, HalfFloat>)
                              : (wide ? round_rows<double, float> : round_rows<float, float>);
  const float slack = std::ldexp(1.0f, -20);  // of the few float32 operations that make a bound
  double sum = 0;
  for (const Squares& s : round(rows, middle, side.rounded)) {
    sum += s.own;
    side.low_squares.push_back(static_cast<float>(s.own) * (1 - slack));
    side.high_squares.push_back(static_cast<float>(s.own) * (1 + slack));
    side.norms.push_back(static_cast<float>(std::sqrt(std::max(s.own, s.rounded))) * (1 + slack));
    side.errors.push_back(static_cast<float>(std::sqrt(s.error)) * (1 + slack));
  }
  if (!std::isfinite(sum))
    fail("features hold values that are not finite: the images or the feature network are broken");
  return side;
}

// Whether, for a few rows, hardly more pairs than those nearest lie within the error of bfloat16.
bool NearPairs::few_would_be_left(const at::Tensor& middle) const {
  const int64_t n = std::min<int64_t>(32, x_.rows.size(0)), m = std::min<int64_t>(16'384, y_.rows.size(0));
  if (x_.rows.size(1) < 256 || m < 6 || !processor_has_tiles()) return false;
  const Side x = prepare(x_.rows.slice(0, 0, n), middle, true), y = prepare(y_.rows.slice(0, 0, m), middle, true);
  const at::Tensor distances = at::cdist(x.rows, y.rows).square().to(at::kFloat);
  const at::Tensor errors =
      at::outer(at::tensor(x.errors), at::tensor(y.norms)) + at::outer(at::tensor(x.norms), at::tensor(y.errors));
  const at::Tensor nearest = std::get<0>(distances.kthvalue(6, 1, /*keepdim=*/true));
  const double left = (distances - 4 * errors <= nearest).to(at::kFloat).sum().item<double>() / static_cast<double>(n);
  return left <= 0.01 * static_cast<double>(m) + 6;
}

double NearPairs::exact(int64_t i, int64_t j) const {
  const int64_t n = x_.rows.size(1);
  if (x_.rows.scalar_type() == at::kDouble)
    return squared_distance(x_.rows.data_ptr<double>() + i * n, y_.rows.data_ptr<double>() + j * n, n);
  return squared_distance(x_.rows.data_ptr<float>() + i * n, y_.rows.data_ptr<float>() + j * n, n);
}

void NearPairs::run(std::vector<float>& row_limits, const std::vector<float>& column_limits,
                    const std::function<void(const Pair&)>& visit,
                    const std::function<void(int64_t first, int64_t last)>& done) const {
  const int64_t n = x_.rows.size(0), m = y_.rows.size(0);
  at::Tensor block = at::empty({kBlock * kBlock}, at::kFloat);
  const auto sums = static_cast<float>(x_.rows.size(1) + 8) * std::ldexp(1.0f, -23);  // error of F additions in float32
  for (int64_t i0 = 0; i0 < n; i0 += kBlock) {
    const int64_t rows = std::min(kBlock, n - i0);
    for (int64_t j0 = 0; j0 < m; j0 += kBlock) {
      const int64_t columns = std::min(kBlock, m - j0);
      at::Tensor products = block.slice(0, 0, rows * columns).view({rows, columns});
      const at::Tensor a = x_.rounded.slice(0, i0, i0 + rows), b = y_.rounded.slice(0, j0, j0 + columns);
      bfloat16_ ? bfloat16_products(a, b, products) : static_cast<void>(at::mm_out(products, a, b.t()));
      at::parallel_for(0, rows, 16, [&](int64_t begin, int64_t end) {
        std::array<int32_t, kChunk> found;
        for (int64_t i = i0 + begin; i < i0 + end; ++i) {
          const auto at_i = static_cast<size_t>(i);
          for (int64_t j = j0; j < j0 + columns; j += kChunk) {
            const auto at_j = static_cast<size_t>(j);
            const Row row{products.data_ptr<float>() + (i - i0) * columns + (j - j0),
                          &y_.low_squares[at_j],
                          &y_.norms[at_j],
                          &y_.errors[at_j],
                          column_limits.empty() ? nullptr : &column_limits[at_j],
                          x_.low_squares[at_i],
                          2 * x_.norms[at_i],
                          2 * (x_.errors[at_i] + sums * x_.norms[at_i]),
                          row_limits[at_i]};
            const int64_t count = within_limit(row, std::min(kChunk, j0 + columns - j), found.data());
            for (int64_t f = 0; f < count; ++f) {
              const auto k = static_cast<size_t>(found[static_cast<size_t>(f)]);
              const double low = low_bound(row, static_cast<int64_t>(k));
              const double width = (x_.high_squares[at_i] - x_.low_squares[at_i]) +
                                   (y_.high_squares[at_j + k] - y_.low_squares[at_j + k]) +
                                   2.0 * doubt(row, static_cast<int64_t>(k));
              visit({i, j + static_cast<int64_t>(k), low, low + width});
            }
          }
        }
      });
    }
    if (done) done(i0, i0 + rows);
  }
}

}  // namespace obverse
