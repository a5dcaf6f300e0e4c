#include "obverse/layers/leaky.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "obverse/core/autograd.h"
#include "obverse/core/vectorised.h"
#include "obverse/layers/fused_node.h"

namespace obverse {
namespace {

template <class T>
OBVERSE_INLINE void bend(const T* __restrict x, T* __restrict y, int64_t n, float slope) {
  for (int64_t i = 0; i < n; ++i) {
    const float value = load(x[i]);
    store(y[i], value > 0 ? value : slope * value);
  }
}
OBVERSE_VECTORISED void bend_to(const float* x, float* y, int64_t n, float slope) { bend(x, y, n, slope); }
OBVERSE_VECTORISED void bend_to(const HalfFloat* x, HalfFloat* y, int64_t n, float slope) { bend(x, y, n, slope); }

template <class T>
OBVERSE_INLINE void mask(const T* __restrict given, const T* __restrict y, T* __restrict to, int64_t n, float slope) {
  for (int64_t i = 0; i < n; ++i) {
    const float d = load(given[i]);
    store(to[i], load(y[i]) > 0 ? d : slope * d);
  }
}
OBVERSE_VECTORISED void mask_to(const float* d, const float* y, float* to, int64_t n, float slope) {
  mask(d, y, to, n, slope);
}
OBVERSE_VECTORISED void mask_to(const HalfFloat* d, const HalfFloat* y, HalfFloat* to, int64_t n, float slope) {
  mask(d, y, to, n, slope);
}

// Rows of `channels`; sums: of the columns.
template <class T>
OBVERSE_INLINE void mask_and_sum(const T* __restrict given, const T* __restrict y, T* __restrict to,
                                 float* __restrict sums, int64_t rows, int64_t channels, float slope) {
  for (int64_t c = 0; c < channels; ++c) sums[c] = 0;
  for (int64_t r = 0; r < rows; ++r, given += channels, y += channels, to += channels)
    for (int64_t c = 0; c < channels; ++c) {
      const float d = load(given[c]), masked = load(y[c]) > 0 ? d : slope * d;
      store(to[c], masked);
      sums[c] += masked;
    }
}
OBVERSE_VECTORISED void mask_and_sum_to(const float* d, const float* y, float* to, float* sums, int64_t rows, int64_t c,
                                        float slope) {
  mask_and_sum(d, y, to, sums, rows, c, slope);
}
OBVERSE_VECTORISED void mask_and_sum_to(const HalfFloat* d, const HalfFloat* y, HalfFloat* to, float* sums,
                                        int64_t rows, int64_t c, float slope) {
  mask_and_sum(d, y, to, sums, rows, c, slope);
}

// The same of given + factor bias.
template <class T>
OBVERSE_INLINE void add_and_mask(const T* __restrict given, const float* __restrict bias, float factor,
                                 const T* __restrict y, T* __restrict to, int64_t rows, int64_t channels, float slope) {
  for (int64_t r = 0; r < rows; ++r, given += channels, y += channels, to += channels)
    for (int64_t c = 0; c < channels; ++c) {
      const float d = load(given[c]) + factor * bias[c];
      store(to[c], load(y[c]) > 0 ? d : slope * d);
    }
}
OBVERSE_VECTORISED void add_and_mask_to(const float* d, const float* bias, float factor, const float* y, float* to,
                                        int64_t rows, int64_t c, float slope) {
  add_and_mask(d, bias, factor, y, to, rows, c, slope);
}
OBVERSE_VECTORISED void add_and_mask_to(const HalfFloat* d, const float* bias, float factor, const HalfFloat* y,
                                        HalfFloat* to, int64_t rows, int64_t c, float slope) {
  add_and_mask(d, bias, factor, y, to, rows, c, slope);
}

// Calls f with pointers to the tensors' elements as the kernels take them.
template <class F, class... Tensors>
void by_type(const F& f, const at::Tensor& first, const Tensors&... others) {
  if (first.scalar_type() == at::kFloat)
    f(static_cast<float*>(first.data_ptr()), static_cast<float*>(others.data_ptr())...);
  else
    f(static_cast<HalfFloat*>(first.data_ptr()), static_cast<HalfFloat*>(others.data_ptr())...);
}

bool has_kernels(const at::Tensor& x) {
  return x.device().is_cpu() && (x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16) &&
         x.is_non_overlapping_and_dense();
}

constexpr int64_t kGrain = 1 << 15;  // elements worth a thread

// Whether the kernels for images take them: y channels last.
bool has_image_kernels(const at::Tensor& given, const at::Tensor& y) {
  return has_kernels(y) && given.scalar_type() == y.scalar_type() && y.is_contiguous(at::MemoryFormat::ChannelsLast) &&
         y.stride(1) == 1;
}

at::Tensor lying_as(const at::Tensor& y, const at::Tensor& x) {
  return x.strides() == y.strides() ? x : at::empty_like(y).copy_(x);
}

// f(n) for each sample of y.
template <class F>
void each_sample(const at::Tensor& y, const F& f) {
  at::parallel_for(0, y.size(0), std::max<int64_t>(1, kGrain * y.size(0) / y.numel()), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) f(n);
  });
}

struct MaskNode : OwnNode {
  MaskNode(const Variables& inputs, const at::Tensor& output, double s)
      : OwnNode(inputs), y(output.detach()), slope(s) {}
  Variables slopes(const Variables&, const Variables& given) override { return {leaky_slope(given[0], y, slope)}; }
  void release_variables() override {
    OwnNode::release_variables();
    y.reset();
  }
  at::Tensor y;
  double slope;
};

}  // namespace

at::Tensor leaky(const at::Tensor& x, double negative_slope) {
  const at::Tensor y = without_grad([&] {
    if (!has_kernels(x)) return at::leaky_relu(x, negative_slope);
    const at::Tensor result = at::empty_like(x);
    by_type(
        [&](const auto* from, auto* to) {
          at::parallel_for(0, x.numel(), kGrain, [&](int64_t begin, int64_t end) {
            bend_to(from + begin, to + begin, end - begin, static_cast<float>(negative_slope));
          });
        },
        x, result);
    return result;
  });
  record<MaskNode>({x}, {y}, y, negative_slope);
  return y;
}

at::Tensor leaky_slope(const at::Tensor& given, const at::Tensor& y, double negative_slope) {
  const at::Tensor result = without_grad([&] {
    if (!has_kernels(y) || given.scalar_type() != y.scalar_type())
      return at::where(y > 0, given, given * negative_slope);
    const at::Tensor masked = at::empty_like(y);
    const at::Tensor d = lying_as(y, given);
    by_type(
        [&](const auto* from, const auto* sign, auto* to) {
          at::parallel_for(0, y.numel(), kGrain, [&](int64_t begin, int64_t end) {
            mask_to(from + begin, sign + begin, to + begin, end - begin, static_cast<float>(negative_slope));
          });
        },
        d, y, masked);
    return masked;
  });
  record<MaskNode>({given}, {result}, y, negative_slope);
  return result;
}

std::pair<at::Tensor, at::Tensor> leaky_slope_and_sum(const at::Tensor& given, const at::Tensor& y,
                                                      double negative_slope) {
  if (!has_image_kernels(given, y)) {
    const at::Tensor masked = leaky_slope(given, y, negative_slope);
    const at::ScalarType type = y.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
    return {masked, masked.sum({2, 3}, /*keepdim=*/false, type)};
  }
  const at::Tensor masked = at::empty_like(y), d = lying_as(y, given), sums = at::empty({y.size(0), y.size(1)});
  const int64_t channels = y.size(1), pixels = y.size(2) * y.size(3);
  by_type(
      [&](const auto* from, const auto* sign, auto* to) {
        each_sample(y, [&](int64_t n) {
          const int64_t at = n * pixels * channels;
          mask_and_sum_to(from + at, sign + at, to + at, sums.data_ptr<float>() + n * channels, pixels, channels,
                          static_cast<float>(negative_slope));
        });
      },
      d, y, masked);
  return {masked, sums};
}

at::Tensor leaky_slope_of_sum(const at::Tensor& given, const at::Tensor& factor, const at::Tensor& bias,
                              const at::Tensor& y, double negative_slope) {
  if (!has_image_kernels(given, y)) {
    const at::Tensor shift = at::outer(factor, bias).unsqueeze(2).unsqueeze(3);
    return leaky_slope(given + shift.to(given.scalar_type()), y, negative_slope);
  }
  const at::Tensor result = at::empty_like(y), d = lying_as(y, given);
  const at::Tensor factors = factor.contiguous(), biases = bias.contiguous();
  const int64_t channels = y.size(1), pixels = y.size(2) * y.size(3);
  by_type(
      [&](const auto* from, const auto* sign, auto* to) {
        each_sample(y, [&](int64_t n) {
          const int64_t at = n * pixels * channels;
          add_and_mask_to(from + at, biases.data_ptr<float>(), factors.data_ptr<float>()[n], sign + at, to + at, pixels,
                          channels, static_cast<float>(negative_slope));
        });
      },
      d, y, result);
  return result;
}

}  // namespace obverse
