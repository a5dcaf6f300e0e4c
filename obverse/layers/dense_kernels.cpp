#include "obverse/layers/dense_kernels.h"

#include <dnnl.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/vectorised.h"

// The C library has sines and cosines of whole registers.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
extern "C" {
__attribute__((simd("notinbranch"), const)) float sinf(float) noexcept;
__attribute__((simd("notinbranch"), const)) float cosf(float) noexcept;
}
#endif

namespace obverse {
namespace {

// c [m, n] = a b, or a^T b, or a b^T; row-major, rows without gaps.
void multiply(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float* a, const float* b,
              float* c) {
  dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, 1, a, transpose_a ? m : k, b,
             transpose_b ? k : n, 0, c, n);
}

// h = activation(h + b), rows of n.
OBVERSE_VECTORISED void activate(float* __restrict h, const float* __restrict b, int64_t rows, int64_t n, float slope) {
  for (int64_t r = 0; r < rows; ++r, h += n)
    for (int64_t i = 0; i < n; ++i) {
      const float a = h[i] + b[i];
      h[i] = a > 0 ? a : slope * a;
    }
}

// Where the activation bent its input down, d is multiplied by the slope there.
OBVERSE_VECTORISED void bend(float* __restrict d, const float* __restrict h, int64_t n, float slope) {
  for (int64_t i = 0; i < n; ++i) d[i] = h[i] > 0 ? d[i] : slope * d[i];
}

// u = bend(u + s b): rows of n, a number s a row.
OBVERSE_VECTORISED void bend_with_bias(float* __restrict u, const float* __restrict s, const float* __restrict b,
                                       const float* __restrict h, int64_t rows, int64_t n, float slope) {
  for (int64_t r = 0; r < rows; ++r, u += n, h += n)
    for (int64_t i = 0; i < n; ++i) {
      const float a = u[i] + s[r] * b[i];
      u[i] = h[i] > 0 ? a : slope * a;
    }
}

OBVERSE_VECTORISED void add_bias(float* __restrict x, const float* __restrict b, int64_t rows, int64_t n) {
  for (int64_t r = 0; r < rows; ++r, x += n)
    for (int64_t i = 0; i < n; ++i) x[i] += b[i];
}

// sum of s_r d_r over rows; all s are one when there are none.
OBVERSE_VECTORISED void sum_rows(const float* __restrict d, const float* s, float* __restrict sum, int64_t rows,
                                 int64_t n) {
  std::fill(sum, sum + n, 0.f);
  for (int64_t r = 0; r < rows; ++r, d += n) {
    const float weight = s ? s[r] : 1;
    for (int64_t i = 0; i < n; ++i) sum[i] += weight * d[i];
  }
}

// h = x, sin(x F), cos(x F).
OBVERSE_VECTORISED void wave(const float* __restrict x, const float* __restrict f, float* __restrict h, int64_t rows,
                             int64_t inputs, int64_t waves) {
  for (int64_t r = 0; r < rows; ++r, x += inputs, h += inputs + 2 * waves) {
    float *sine = h + inputs, *cosine = sine + waves;
    for (int64_t j = 0; j < waves; ++j) sine[j] = x[0] * f[j];
    for (int64_t i = 1; i < inputs; ++i)
      for (int64_t j = 0; j < waves; ++j) sine[j] += x[i] * f[i * waves + j];
    for (int64_t i = 0; i < inputs; ++i) h[i] = x[i];
    for (int64_t j = 0; j < waves; ++j) cosine[j] = cosf(sine[j]);
    for (int64_t j = 0; j < waves; ++j) sine[j] = sinf(sine[j]);
  }
}

// Gradient of x from that of its features; `phase` [waves] is scratch.
OBVERSE_VECTORISED void wave_backward(const float* __restrict d, const float* __restrict f, const float* __restrict h,
                                      float* __restrict gx, float* __restrict phase, int64_t rows, int64_t inputs,
                                      int64_t waves) {
  const int64_t width = inputs + 2 * waves;
  for (int64_t r = 0; r < rows; ++r, d += width, h += width, gx += inputs) {
    const float *sine = h + inputs, *cosine = sine + waves, *of_sine = d + inputs, *of_cosine = of_sine + waves;
    for (int64_t j = 0; j < waves; ++j) phase[j] = of_sine[j] * cosine[j] - of_cosine[j] * sine[j];
    for (int64_t i = 0; i < inputs; ++i) {
      float sum = 0;
#pragma GCC ivdep
      for (int64_t j = 0; j < waves; ++j) sum += phase[j] * f[i * waves + j];
      gx[i] = d[i] + sum;
    }
  }
}

// u = s h + the features' change when x moves along v.
OBVERSE_VECTORISED void wave_along(const float* __restrict s, const float* __restrict v, const float* __restrict f,
                                   const float* __restrict h, float* __restrict u, float* __restrict phase,
                                   int64_t rows, int64_t inputs, int64_t waves) {
  const int64_t width = inputs + 2 * waves;
  for (int64_t r = 0; r < rows; ++r, v += inputs, h += width, u += width) {
    const float *sine = h + inputs, *cosine = sine + waves;
    for (int64_t j = 0; j < waves; ++j) phase[j] = 0;
    for (int64_t i = 0; i < inputs; ++i) {
      u[i] = s[r] * h[i] + v[i];
      for (int64_t j = 0; j < waves; ++j) phase[j] += v[i] * f[i * waves + j];
    }
    for (int64_t j = 0; j < waves; ++j) u[inputs + j] = s[r] * sine[j] + phase[j] * cosine[j];
    for (int64_t j = 0; j < waves; ++j) u[inputs + waves + j] = s[r] * cosine[j] - phase[j] * sine[j];
  }
}

}  // namespace

void dense_forward(const DenseShape& shape, const DenseArrays& arrays, int64_t begin, int64_t end) {
  const int64_t rows = end - begin, last = shape.layers() - 1;
  if (shape.waves > 0)
    wave(arrays.x + begin * shape.inputs, arrays.frequencies, arrays.activities[0] + begin * shape.widths[0], rows,
         shape.inputs, shape.waves);
  for (int64_t l = 0; l <= last; ++l) {
    const int64_t n = shape.widths[l + 1], k = shape.widths[l];
    float* to = (l == last ? arrays.output : arrays.activities[l + 1]) + begin * n;
    multiply(false, true, rows, n, k, arrays.activities[l] + begin * k, arrays.weights[l], to);
    if (l == last)
      add_bias(to, arrays.biases[l], rows, n);
    else
      activate(to, arrays.biases[l], rows, n, shape.negative_slope);
  }
}

void dense_backward(const DenseShape& shape, const DenseArrays& arrays, const float* output_gradient,
                    const std::vector<float*>& slopes, const DenseGradients& gradients, int64_t begin, int64_t end) {
  const int64_t rows = end - begin;
  for (int64_t l = shape.layers() - 1; l >= 0; --l) {
    const int64_t n = shape.widths[l + 1], k = shape.widths[l];
    const float* d = l + 1 < shape.layers() ? slopes[l + 1] + begin * n : output_gradient + begin * n;
    const float* h = arrays.activities[l] + begin * k;
    if (!gradients.weights.empty()) {
      multiply(true, false, n, k, rows, d, h, gradients.weights[l]);
      sum_rows(d, nullptr, gradients.biases[l], rows, n);
    }
    if (l == 0 && !gradients.x) break;
    float* to = l > 0 || shape.waves > 0 ? slopes[l] + begin * k : gradients.x + begin * k;
    multiply(false, false, rows, k, n, d, arrays.weights[l], to);
    if (l > 0) bend(to, h, rows * k, shape.negative_slope);
  }
  if (gradients.x && shape.waves > 0) {
    std::vector<float> phase(shape.waves);
    wave_backward(slopes[0] + begin * shape.widths[0], arrays.frequencies,
                  arrays.activities[0] + begin * shape.widths[0], gradients.x + begin * shape.inputs, phase.data(),
                  rows, shape.inputs, shape.waves);
  }
}

// The slope of the output is a run of the same layers backwards, linear in d; its derivative along v runs forward again
// as a direction t. Both contributions to a weight's gradient are d times something, s h + t, which therefore runs
// forward in their stead: u_0 = s h_0 + t_0, u_(l+1) = bend(W_l u_l + s b_l).
void dense_backward_of_slope(const DenseShape& shape, const DenseArrays& arrays, const float* s, const float* v,
                             const std::vector<float*>& slopes, const std::vector<float*>& directions,
                             const DenseGradients& gradients, int64_t begin, int64_t end) {
  const int64_t rows = end - begin, last = shape.layers() - 1;
  s += begin;
  v += begin * shape.inputs;
  std::vector<float> phase(shape.waves);
  wave_along(s, v, arrays.frequencies, arrays.activities[0] + begin * shape.widths[0],
             directions[0] + begin * shape.widths[0], phase.data(), rows, shape.inputs, shape.waves);
  for (int64_t l = 0; l <= last; ++l) {
    const int64_t n = shape.widths[l + 1], k = shape.widths[l];
    const float* u = directions[l] + begin * k;
    if (l == last) {
      sum_rows(u, nullptr, gradients.weights[l], rows, k);
      sum_rows(s, nullptr, gradients.biases[l], rows, 1);
      break;
    }
    const float* d = slopes[l + 1] + begin * n;
    multiply(true, false, n, k, rows, d, u, gradients.weights[l]);
    sum_rows(d, s, gradients.biases[l], rows, n);
    float* next = directions[l + 1] + begin * n;
    multiply(false, true, rows, n, k, u, arrays.weights[l], next);
    bend_with_bias(next, s, arrays.biases[l], arrays.activities[l + 1] + begin * n, rows, n, shape.negative_slope);
  }
}

}  // namespace obverse
