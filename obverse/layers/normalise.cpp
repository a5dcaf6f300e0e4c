#include "obverse/layers/normalise.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>
#include <type_traits>
#include <vector>

#include "obverse/core/autograd.h"
#include "obverse/core/vectorised.h"
#include "obverse/layers/fused_node.h"

namespace obverse {
namespace {

// The kernels below work on one sample: `pixels` rows of `channels` numbers, channels last.

// first, second: sums over pixels of x - pivot and of its square.
template <class T>
OBVERSE_INLINE void sums(const T* __restrict x, const float* __restrict pivot, float* __restrict first,
                         float* __restrict second, int64_t pixels, int64_t channels) {
  for (int64_t c = 0; c < channels; ++c) first[c] = second[c] = 0;
  for (int64_t p = 0; p < pixels; ++p, x += channels)
    for (int64_t c = 0; c < channels; ++c) {
      const float d = load(x[c]) - pivot[c];
      first[c] += d;
      second[c] += d * d;
    }
}
OBVERSE_VECTORISED void sums_of(const float* x, const float* k, float* a, float* b, int64_t p, int64_t c) {
  sums(x, k, a, b, p, c);
}
OBVERSE_VECTORISED void sums_of(const HalfFloat* x, const float* k, float* a, float* b, int64_t p, int64_t c) {
  sums(x, k, a, b, p, c);
}

// y = activation(scale x + shift).
template <class T>
OBVERSE_INLINE void apply(const T* __restrict x, const float* __restrict scale, const float* __restrict shift,
                          T* __restrict y, int64_t pixels, int64_t channels, float slope) {
  for (int64_t p = 0; p < pixels; ++p, x += channels, y += channels)
    for (int64_t c = 0; c < channels; ++c) {
      const float z = scale[c] * load(x[c]) + shift[c];
      store(y[c], z > 0 ? z : slope * z);
    }
}
OBVERSE_VECTORISED void apply_to(const float* x, const float* a, const float* b, float* y, int64_t p, int64_t c,
                                 float s) {
  apply(x, a, b, y, p, c, s);
}
OBVERSE_VECTORISED void apply_to(const HalfFloat* x, const float* a, const float* b, HalfFloat* y, int64_t p, int64_t c,
                                 float s) {
  apply(x, a, b, y, p, c, s);
}

// With g the gradient before the activation: sums over pixels of g and of g (x - pivot).
template <class T>
OBVERSE_INLINE void slope_sums(const T* __restrict x, const T* __restrict given, const float* __restrict scale,
                               const float* __restrict shift, const float* __restrict pivot, float* __restrict first,
                               float* __restrict second, int64_t pixels, int64_t channels, float slope) {
  for (int64_t c = 0; c < channels; ++c) first[c] = second[c] = 0;
  for (int64_t p = 0; p < pixels; ++p, x += channels, given += channels)
    for (int64_t c = 0; c < channels; ++c) {
      const float value = load(x[c]), z = scale[c] * value + shift[c], d = load(given[c]), g = z > 0 ? d : slope * d;
      first[c] += g;
      second[c] += g * (value - pivot[c]);
    }
}
OBVERSE_VECTORISED void slope_sums_of(const float* x, const float* d, const float* a, const float* b, const float* k,
                                      float* f, float* s, int64_t p, int64_t c, float slope) {
  slope_sums(x, d, a, b, k, f, s, p, c, slope);
}
OBVERSE_VECTORISED void slope_sums_of(const HalfFloat* x, const HalfFloat* d, const float* a, const float* b,
                                      const float* k, float* f, float* s, int64_t p, int64_t c, float slope) {
  slope_sums(x, d, a, b, k, f, s, p, c, slope);
}

// of_x = scale g + of_value x + constant.
template <class T>
OBVERSE_INLINE void slope_apply(const T* __restrict x, const T* __restrict given, const float* __restrict scale,
                                const float* __restrict shift, const float* __restrict of_value,
                                const float* __restrict constant, T* __restrict of_x, int64_t pixels, int64_t channels,
                                float slope) {
  for (int64_t p = 0; p < pixels; ++p, x += channels, given += channels, of_x += channels)
    for (int64_t c = 0; c < channels; ++c) {
      const float value = load(x[c]), z = scale[c] * value + shift[c], d = load(given[c]), g = z > 0 ? d : slope * d;
      store(of_x[c], scale[c] * g + of_value[c] * value + constant[c]);
    }
}
OBVERSE_VECTORISED void slope_apply_to(const float* x, const float* d, const float* a, const float* b, const float* v,
                                       const float* k, float* o, int64_t p, int64_t c, float slope) {
  slope_apply(x, d, a, b, v, k, o, p, c, slope);
}
OBVERSE_VECTORISED void slope_apply_to(const HalfFloat* x, const HalfFloat* d, const float* a, const float* b,
                                       const float* v, const float* k, HalfFloat* o, int64_t p, int64_t c,
                                       float slope) {
  slope_apply(x, d, a, b, v, k, o, p, c, slope);
}

// Sums over pixels for the slope's slope: with h = (x - mean) inverse_std and v given for the slope of x, `sums` holds
// those of v, v h, v g, g and g h, one after the other.
template <class T>
OBVERSE_INLINE void curve_sums(const T* __restrict x, const T* __restrict given, const T* __restrict turned,
                               const float* __restrict scale, const float* __restrict shift,
                               const float* __restrict mean, const float* __restrict inverse_std,
                               float* __restrict sums, int64_t pixels, int64_t channels, float slope) {
  for (int64_t i = 0; i < 5 * channels; ++i) sums[i] = 0;
  for (int64_t p = 0; p < pixels; ++p, x += channels, given += channels, turned += channels)
    for (int64_t c = 0; c < channels; ++c) {
      const float value = load(x[c]), z = scale[c] * value + shift[c], d = load(given[c]), g = z > 0 ? d : slope * d,
                  h = (value - mean[c]) * inverse_std[c], v = load(turned[c]);
      sums[c] += v;
      sums[channels + c] += v * h;
      sums[2 * channels + c] += v * g;
      sums[3 * channels + c] += g;
      sums[4 * channels + c] += g * h;
    }
}
OBVERSE_VECTORISED void curve_sums_of(const float* x, const float* d, const float* v, const float* a, const float* b,
                                      const float* m, const float* i, float* s, int64_t p, int64_t c, float slope) {
  curve_sums(x, d, v, a, b, m, i, s, p, c, slope);
}
OBVERSE_VECTORISED void curve_sums_of(const HalfFloat* x, const HalfFloat* d, const HalfFloat* v, const float* a,
                                      const float* b, const float* m, const float* i, float* s, int64_t p, int64_t c,
                                      float slope) {
  curve_sums(x, d, v, a, b, m, i, s, p, c, slope);
}

// What it makes of v: of_given = activation'(z) (scale v + row 0 h + row 1), of_x = row 2 h + row 3 v + row 4 g +
// row 5.
template <class T>
OBVERSE_INLINE void curve_apply(const T* __restrict x, const T* __restrict given, const T* __restrict turned,
                                const float* __restrict scale, const float* __restrict shift,
                                const float* __restrict mean, const float* __restrict inverse_std,
                                const float* __restrict rows, T* __restrict of_x, T* __restrict of_given,
                                int64_t pixels, int64_t channels, float slope) {
  const float *r0 = rows, *r1 = r0 + channels, *r2 = r1 + channels, *r3 = r2 + channels, *r4 = r3 + channels,
              *r5 = r4 + channels;
  for (int64_t p = 0; p < pixels; ++p) {
    for (int64_t c = 0; c < channels; ++c) {
      const float value = load(x[c]), z = scale[c] * value + shift[c], bend = z > 0 ? 1 : slope,
                  g = bend * load(given[c]), h = (value - mean[c]) * inverse_std[c], v = load(turned[c]);
      store(of_given[c], bend * (scale[c] * v + r0[c] * h + r1[c]));
      store(of_x[c], r2[c] * h + r3[c] * v + r4[c] * g + r5[c]);
    }
    x += channels, given += channels, turned += channels, of_x += channels, of_given += channels;
  }
}
OBVERSE_VECTORISED void curve_apply_to(const float* x, const float* d, const float* v, const float* a, const float* b,
                                       const float* m, const float* i, const float* r, float* of_x, float* of_given,
                                       int64_t p, int64_t c, float slope) {
  curve_apply(x, d, v, a, b, m, i, r, of_x, of_given, p, c, slope);
}
OBVERSE_VECTORISED void curve_apply_to(const HalfFloat* x, const HalfFloat* d, const HalfFloat* v, const float* a,
                                       const float* b, const float* m, const float* i, const float* r, HalfFloat* of_x,
                                       HalfFloat* of_given, int64_t p, int64_t c, float slope) {
  curve_apply(x, d, v, a, b, m, i, r, of_x, of_given, p, c, slope);
}

// Calls f with x's elements as the kernels take them.
template <class F>
void by_type(const at::Tensor& x, const F& f) {
  x.scalar_type() == at::kFloat ? f(static_cast<float*>(x.data_ptr())) : f(static_cast<HalfFloat*>(x.data_ptr()));
}

at::Tensor channels_last(const at::Tensor& x) {
  return x.contiguous(x.dim() == 4 ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous);
}

// Sizes, and y = activation(scale x + shift) with a scale and a shift for each sample and channel.
struct Plan {
  int64_t samples, channels, pixels;
  bool by_sample;                        // gain and bias
  std::vector<float> mean, inverse_std;  // [C]
  std::vector<float> scale, shift;       // [N or 1, C]
  const float* scale_of(int64_t n) const { return scale.data() + (by_sample ? n * channels : 0); }
  const float* shift_of(int64_t n) const { return shift.data() + (by_sample ? n * channels : 0); }

  template <class F>
  void each_sample(const F& f) const {
    constexpr int64_t kGrain = 1 << 14;  // elements worth a thread
    at::parallel_for(0, samples, std::max<int64_t>(1, kGrain / (pixels * channels)), [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n) f(n);
    });
  }
};

// Mean and variance over samples and pixels, added up sample by sample: whatever the threads, the same bits.
void measure(const at::Tensor& x, Plan& plan, std::vector<double>& var) {
  const int64_t channels = plan.channels;
  std::vector<float> sums_a_sample(2 * plan.samples * channels), pivot(channels);
  by_type(x, [&](auto* values) {
    for (int64_t c = 0; c < channels; ++c) pivot[c] = load(values[c]);  // near the mean: squares lose no digits
    plan.each_sample([&](int64_t n) {
      float* sum = sums_a_sample.data() + 2 * n * channels;
      sums_of(values + n * plan.pixels * channels, pivot.data(), sum, sum + channels, plan.pixels, channels);
    });
  });
  std::vector<double> first(channels), second(channels);
  for (int64_t n = 0; n < plan.samples; ++n)
    for (int64_t c = 0; c < channels; ++c) {
      first[c] += sums_a_sample[2 * n * channels + c];
      second[c] += sums_a_sample[(2 * n + 1) * channels + c];
    }
  const double count = static_cast<double>(plan.samples * plan.pixels);
  for (int64_t c = 0; c < channels; ++c) {
    const double offset = first[c] / count;
    plan.mean[c] = static_cast<float>(pivot[c] + offset);
    var[c] = std::max(0.0, second[c] / count - offset * offset);
  }
}

Plan make_plan(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& bias, const Normalisation& how) {
  Plan plan{x.size(0), x.size(1), x.numel() / std::max<int64_t>(1, x.size(0) * x.size(1)), gain.dim() == 2, {}, {},
            {},        {}};
  plan.mean.resize(plan.channels);
  plan.inverse_std.resize(plan.channels);
  std::vector<double> var(plan.channels);
  if (how.training) {
    measure(x, plan, var);
  } else {
    const float *mean = how.running_mean.data_ptr<float>(), *variance = how.running_var.data_ptr<float>();
    for (int64_t c = 0; c < plan.channels; ++c) plan.mean[c] = mean[c], var[c] = variance[c];
  }
  for (int64_t c = 0; c < plan.channels; ++c) plan.inverse_std[c] = static_cast<float>(1 / std::sqrt(var[c] + how.eps));
  if (how.training && how.tracking) {
    const double count = static_cast<double>(plan.samples * plan.pixels);
    float *mean = how.running_mean.data_ptr<float>(), *variance = how.running_var.data_ptr<float>();
    for (int64_t c = 0; c < plan.channels; ++c) {
      mean[c] += static_cast<float>(how.momentum * (plan.mean[c] - mean[c]));
      variance[c] += static_cast<float>(how.momentum * (var[c] * count / std::max(1.0, count - 1) - variance[c]));
    }
    for (const at::Tensor& moved : {how.running_mean, how.running_var}) moved.unsafeGetTensorImpl()->bump_version();
  }
  const at::Tensor g = gain.contiguous(), b = bias.contiguous();
  const float *gains = g.data_ptr<float>(), *biases = b.data_ptr<float>();
  plan.scale.resize(g.numel());
  plan.shift.resize(g.numel());
  for (int64_t i = 0; i < g.numel(); ++i) {
    const int64_t c = i % plan.channels;
    plan.scale[i] = gains[i] * plan.inverse_std[c];
    plan.shift[i] = biases[i] - plan.scale[i] * plan.mean[c];
  }
  return plan;
}

// The slope of x as a function of (x, gain, bias, given), a gain for all samples. With means over samples and pixels
// written <.>, a = scale, u = <v h>, w = <g h> and q = <v g> - <v> <g>:
//   of given  activation'(z) a (v - <v> - h u)
//   of gain   m / std (q - u w), m the number that the means are of
//   of x      -a / std (h (q - 3 u w) + w (v - <v>) + u (g - <g>)),
// and without batch statistics activation'(z) a v, m / std <v g> and 0.
struct NormaliseSlopeNode : FusedNode {
  NormaliseSlopeNode(const Variables& inputs, Normalisation options, Plan computed)
      : FusedNode(inputs), how(std::move(options)), plan(std::move(computed)) {}

  Variables plain(const Variables& inputs) override {
    const at::Tensor x = inputs[0].requires_grad() ? inputs[0] : inputs[0].detach().requires_grad_();
    return torch::autograd::grad({plain_normalise(x, inputs[1], inputs[2], how)}, {x}, {inputs[3]}, true, true);
  }

  Variables quick(const Variables& inputs, const Variables& turned) override {
    const int64_t samples = plan.samples, channels = plan.channels, size = plan.pixels * channels;
    const at::Tensor x = channels_last(inputs[0]), d = channels_last(inputs[3].to(x.scalar_type())),
                     v = channels_last(turned[0].to(x.scalar_type()));
    const auto slope = static_cast<float>(how.negative_slope);
    std::vector<float> sums_a_sample(5 * samples * channels);
    by_type(x, [&](auto* values) {
      const auto *slopes = static_cast<decltype(values)>(d.data_ptr()),
                 *turns = static_cast<decltype(values)>(v.data_ptr());
      plan.each_sample([&](int64_t n) {
        curve_sums_of(values + n * size, slopes + n * size, turns + n * size, plan.scale.data(), plan.shift.data(),
                      plan.mean.data(), plan.inverse_std.data(), sums_a_sample.data() + 5 * n * channels, plan.pixels,
                      channels, slope);
      });
    });
    std::vector<double> means(5 * channels);
    const double count = static_cast<double>(samples * plan.pixels);
    for (int64_t n = 0; n < samples; ++n)
      for (int64_t i = 0; i < 5 * channels; ++i) means[i] += sums_a_sample[5 * n * channels + i] / count;
    Variables result(4);
    result[0] = at::empty_like(x);
    result[1] = at::empty({channels});
    result[3] = at::empty_like(x);
    std::vector<float> rows(6 * channels);
    for (int64_t c = 0; c < channels; ++c) {
      const double a = plan.scale[c], inverse = plan.inverse_std[c], mean_v = means[c], u = means[channels + c],
                   mean_g = means[3 * channels + c], w = means[4 * channels + c];
      const double q = means[2 * channels + c] - (how.training ? mean_v * mean_g : 0);
      result[1].data_ptr<float>()[c] = static_cast<float>(count * inverse * (how.training ? q - u * w : q));
      if (!how.training) continue;
      const double row[6] = {-a * u,           -a * mean_v,      -a * inverse * (q - 3 * u * w),
                             -a * inverse * w, -a * inverse * u, a * inverse * (w * mean_v + u * mean_g)};
      for (int64_t i = 0; i < 6; ++i) rows[i * channels + c] = static_cast<float>(row[i]);
    }
    by_type(x, [&](auto* values) {
      using Number = std::remove_pointer_t<decltype(values)>;
      const auto *slopes = static_cast<Number*>(d.data_ptr()), *turns = static_cast<Number*>(v.data_ptr());
      auto *of_x = static_cast<Number*>(result[0].data_ptr()), *of_given = static_cast<Number*>(result[3].data_ptr());
      plan.each_sample([&](int64_t n) {
        curve_apply_to(values + n * size, slopes + n * size, turns + n * size, plan.scale.data(), plan.shift.data(),
                       plan.mean.data(), plan.inverse_std.data(), rows.data(), of_x + n * size, of_given + n * size,
                       plan.pixels, channels, slope);
      });
    });
    return result;
  }

  Normalisation how;
  Plan plan;
};

struct NormaliseNode : FusedNode {
  NormaliseNode(const Variables& inputs, Normalisation options, Plan computed)
      : FusedNode(inputs), how(std::move(options)), plan(std::move(computed)) {}
  Variables plain(const Variables& inputs) override { return {plain_normalise(inputs[0], inputs[1], inputs[2], how)}; }

  // With g the gradient before the activation, a = gain / std and h = (x - mean) / std:
  // of bias sum g, of gain sum g h, of x a g, less in training a's share of both sums: mean(a g) + h mean(a g h).
  Variables quick(const Variables& inputs, const Variables& given) override {
    const int64_t samples = plan.samples, channels = plan.channels, size = plan.pixels * channels;
    const at::Tensor x = channels_last(inputs[0]), d = channels_last(given[0].to(x.scalar_type()));
    const auto slope = static_cast<float>(how.negative_slope);
    at::Tensor of_bias = at::empty({samples, channels}), of_gain = at::empty({samples, channels});
    float *first = of_bias.data_ptr<float>(), *second = of_gain.data_ptr<float>();
    by_type(x, [&](auto* values) {
      const auto* slopes = static_cast<decltype(values)>(d.data_ptr());
      plan.each_sample([&](int64_t n) {
        slope_sums_of(values + n * size, slopes + n * size, plan.scale_of(n), plan.shift_of(n), plan.mean.data(),
                      first + n * channels, second + n * channels, plan.pixels, channels, slope);
        for (int64_t c = 0; c < channels; ++c) second[n * channels + c] *= plan.inverse_std[c];
      });
    });
    Variables result(3);
    if (wanted(0)) {
      std::vector<float> of_value(channels), constant(channels);
      if (how.training) {
        std::vector<double> mean(channels), along(channels);  // of a g, of a g h
        for (int64_t n = 0; n < samples; ++n)
          for (int64_t c = 0; c < channels; ++c) {
            mean[c] += static_cast<double>(plan.scale_of(n)[c]) * first[n * channels + c];
            along[c] += static_cast<double>(plan.scale_of(n)[c]) * second[n * channels + c];
          }
        const double count = static_cast<double>(samples * plan.pixels);
        for (int64_t c = 0; c < channels; ++c) {
          const double per_value = along[c] / count * plan.inverse_std[c];
          of_value[c] = static_cast<float>(-per_value);
          constant[c] = static_cast<float>(per_value * plan.mean[c] - mean[c] / count);
        }
      }
      result[0] = at::empty_like(x);
      by_type(x, [&](auto* values) {
        const auto* slopes = static_cast<decltype(values)>(d.data_ptr());
        auto* to = static_cast<decltype(values)>(result[0].data_ptr());
        plan.each_sample([&](int64_t n) {
          slope_apply_to(values + n * size, slopes + n * size, plan.scale_of(n), plan.shift_of(n), of_value.data(),
                         constant.data(), to + n * size, plan.pixels, channels, slope);
        });
      });
    }
    result[1] = plan.by_sample ? of_gain : of_gain.sum(0);
    result[2] = plan.by_sample ? of_bias : of_bias.sum(0);
    return result;
  }

  // A penalty asks for the slope of x alone.
  Variables slopes(const Variables& inputs, const Variables& given) override {
    if (!c10::GradMode::is_enabled() || plan.by_sample || any_wanted(1)) return FusedNode::slopes(inputs, given);
    const at::Tensor d = channels_last(given[0].to(inputs[0].scalar_type()));
    const Variables result = without_grad([&] { return Variables{quick(inputs, {d})[0]}; });
    record<NormaliseSlopeNode>({inputs[0], inputs[1], inputs[2], d}, result, how, plan);
    return {result[0], {}, {}};
  }

  Normalisation how;
  Plan plan;
};

}  // namespace

at::Tensor plain_normalise(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& bias,
                           const Normalisation& how) {
  const bool by_sample = gain.dim() == 2;
  const at::Tensor h = at::batch_norm(x, by_sample ? at::Tensor() : gain, by_sample ? at::Tensor() : bias,
                                      how.training ? at::Tensor() : how.running_mean,
                                      how.training ? at::Tensor() : how.running_var, how.training, 0, how.eps, false);
  if (!by_sample) return how.negative_slope == 1 ? h : at::leaky_relu(h, how.negative_slope);
  std::vector<int64_t> shape(x.dim(), 1);  // [N, C, 1, 1]
  shape[0] = x.size(0);
  shape[1] = x.size(1);
  const at::Tensor z = at::addcmul(bias.to(x.scalar_type()).view(shape), h, gain.to(x.scalar_type()).view(shape));
  return how.negative_slope == 1 ? z : at::leaky_relu(z, how.negative_slope);
}

at::Tensor normalise(const at::Tensor& x, const at::Tensor& gain, const at::Tensor& bias, const Normalisation& how) {
  const at::Tensor values = channels_last(x);
  Plan plan = make_plan(values.detach(), gain.detach(), bias.detach(), how);
  const at::Tensor y = at::empty_like(values);
  const int64_t size = plan.pixels * plan.channels;
  by_type(values, [&](auto* from) {
    auto* to = static_cast<decltype(from)>(y.data_ptr());
    plan.each_sample([&](int64_t n) {
      apply_to(from + n * size, plan.scale_of(n), plan.shift_of(n), to + n * size, plan.pixels, plan.channels,
               static_cast<float>(how.negative_slope));
    });
  });
  record<NormaliseNode>({values, gain, bias}, {y}, how, std::move(plan));
  return y;
}

}  // namespace obverse
