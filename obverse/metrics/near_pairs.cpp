#include "obverse/metrics/near_pairs.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <dnnl.hpp>
#include <limits>

#include "obverse/core/engine.h"
#include "obverse/core/error.h"
#include "obverse/core/vectorised.h"

namespace obverse {
namespace {

constexpr int64_t kChunk = 256;  // columns between two looks at a row's limit

// Products of all pairs of rows: a [R, F], b [C, F] bfloat16, to out [R, C] float32.
void bfloat16_products(const at::Tensor& a, const at::Tensor& b, const at::Tensor& out) {
  using dnnl::memory;
  static dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  static dnnl::stream stream(engine);
  const int64_t rows = a.size(0), columns = b.size(0), width = a.size(1);
  const auto half = memory::data_type::bf16;
  const memory::desc left({rows, width}, half, memory::dims{width, 1}),
      right({width, columns}, half, memory::dims{1, width}),
      product({rows, columns}, memory::data_type::f32, memory::dims{columns, 1});
  const dnnl::matmul matmul({{left, right, product}, engine});
  matmul.execute(stream, {{DNNL_ARG_SRC, {left, engine, a.data_ptr()}},
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

at::Tensor mean_of(const at::Tensor& x) {
  at::Tensor sum = at::zeros({x.size(1)}, at::kDouble);
  for (const at::Tensor& part : x.split(4096)) sum += part.sum(0, /*keepdim=*/false, at::kDouble);
  return sum / static_cast<double>(x.size(0));
}

std::vector<float> floats(const at::Tensor& t) {
  const at::Tensor plain = t.to(at::kFloat).contiguous();
  return {plain.data_ptr<float>(), plain.data_ptr<float>() + plain.numel()};
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
  const at::Tensor middle = mean_of(x_.rows);
  bfloat16_ = pass == Pass::bfloat16 || (pass == Pass::automatic && few_would_be_left(middle));
  x_ = prepare(x_.rows, middle, bfloat16_);
  y_ = y_.rows.is_same(x_.rows) ? x_ : prepare(y_.rows, middle, bfloat16_);
}

NearPairs::Side NearPairs::prepare(const at::Tensor& rows, const at::Tensor& middle, bool bfloat16) {
  Side side;
  side.rows = rows;
  side.rounded = at::empty(rows.sizes(), bfloat16 ? at::kBFloat16 : at::kFloat);
  at::Tensor squares = at::empty({rows.size(0)}, at::kDouble), norms = squares.clone(), errors = squares.clone();
  constexpr int64_t kSlice = 4096;
  for (int64_t first = 0; first < rows.size(0); first += kSlice) {
    const at::Tensor part = rows.slice(0, first, first + kSlice).to(at::kDouble) - middle;
    side.rounded.slice(0, first, first + kSlice).copy_(part);
    const at::Tensor rounded = side.rounded.slice(0, first, first + kSlice).to(at::kDouble);
    const at::Tensor own = part.square().sum(1);
    squares.slice(0, first, first + kSlice).copy_(own);
    norms.slice(0, first, first + kSlice).copy_(at::maximum(own, rounded.square().sum(1)).sqrt());
    errors.slice(0, first, first + kSlice).copy_((part - rounded).norm(2, {1}));
  }
  if (!squares.sum().isfinite().item<bool>())
    fail("features hold values that are not finite: the images or the feature network are broken");
  const double slack = std::ldexp(1, -20);  // of the few float32 operations that make a bound
  side.low_squares = floats(squares * (1 - slack));
  side.high_squares = floats(squares * (1 + slack));
  side.norms = floats(norms * (1 + slack));
  side.errors = floats(errors * (1 + slack));
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
