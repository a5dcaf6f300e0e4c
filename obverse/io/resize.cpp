#include "obverse/io/resize.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace obverse {
namespace {

constexpr int kFractionBits = 22;  // of the fixed-point weights

double cubic(double x) {  // a = -0.5
  x = std::abs(x);
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  if (x < 2) return ((-0.5 * x + 2.5) * x - 4) * x + 2;
  return 0;
}

// The inputs that one output is a weighted sum of: in fixed point for bytes, in float64 for floats.
struct Window {
  int64_t first = 0;
  std::vector<int> fixed;
  std::vector<double> weights;
};

std::vector<Window> windows(int64_t from, int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to), widening = std::max(scale, 1.0);
  const double support = 2 * widening;
  std::vector<Window> result(static_cast<size_t>(to));
  for (int64_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const auto first = std::max<int64_t>(0, static_cast<int64_t>(centre - support + 0.5));
    const auto last = std::min<int64_t>(from, static_cast<int64_t>(centre + support + 0.5));
    Window& window = result[static_cast<size_t>(i)];
    window.first = first;
    double sum = 0;
    for (int64_t j = first; j < last; ++j) {
      window.weights.push_back(cubic((static_cast<double>(j) - centre + 0.5) * (1 / widening)));
      sum += window.weights.back();
    }
    for (double& weight : window.weights) {
      weight /= sum;
      window.fixed.push_back(static_cast<int>(std::trunc(weight * (1 << kFractionBits) + (weight < 0 ? -0.5 : 0.5))));
    }
  }
  return result;
}

uint8_t weighted(const Window& window, const uint8_t* x, int64_t stride) {
  int64_t sum = int64_t{1} << (kFractionBits - 1);
  for (size_t j = 0; j < window.fixed.size(); ++j)
    sum += int64_t{window.fixed[j]} * x[static_cast<int64_t>(j) * stride];
  return static_cast<uint8_t>(std::clamp<int64_t>(sum >> kFractionBits, 0, 255));
}

float weighted(const Window& window, const float* x, int64_t stride) {
  double sum = 0;
  for (size_t j = 0; j < window.weights.size(); ++j) sum += window.weights[j] * x[static_cast<int64_t>(j) * stride];
  return static_cast<float>(sum);
}

// Resizes along the rows of a plane; `stride` between a row's elements, `step` between rows.
template <class T>
void resize_lines(const T* in, T* out, const std::vector<Window>& table, int64_t lines, int64_t stride, int64_t in_step,
                  int64_t out_step) {
  for (int64_t line = 0; line < lines; ++line)
    for (size_t i = 0; i < table.size(); ++i)
      out[line * out_step + static_cast<int64_t>(i) * stride] =
          weighted(table[i], in + line * in_step + table[i].first * stride, stride);
}

template <class T>
at::Tensor resize(const at::Tensor& x, int64_t height, int64_t width) {
  const int64_t n = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3);
  const at::Tensor in = x.contiguous();
  at::Tensor out = at::empty({n, c, height, width}, in.options());
  const std::vector<Window> across = windows(w, width), down = windows(h, height);
  const auto* source = in.data_ptr<T>();
  auto* target = out.data_ptr<T>();
  at::parallel_for(0, n * c, 16, [&](int64_t begin, int64_t end) {
    std::vector<T> between(static_cast<size_t>(h * width));
    for (int64_t plane = begin; plane < end; ++plane) {
      const T* rows = source + plane * h * w;
      if (w != width) resize_lines(rows, between.data(), across, h, 1, w, width), rows = between.data();
      T* result = target + plane * height * width;
      if (h != height) {
        resize_lines(rows, result, down, width, width, 1, 1);
      } else {
        std::copy_n(rows, h * width, result);
      }
    }
  });
  return out;
}

}  // namespace

at::Tensor resize_bicubic(const at::Tensor& x, int64_t height, int64_t width) {
  if (x.size(2) == height && x.size(3) == width) return x;
  return x.scalar_type() == at::kByte ? resize<uint8_t>(x, height, width) : resize<float>(x, height, width);
}

at::Tensor resize_square(const at::Tensor& x, int64_t size) {
  const int64_t h = x.size(2), w = x.size(3), side = std::min(h, w);
  return resize_bicubic(
      x.slice(2, (h - side) / 2, (h - side) / 2 + side).slice(3, (w - side) / 2, (w - side) / 2 + side), size, size);
}

at::Tensor with_channels(const at::Tensor& image, int64_t channels) {
  if (image.size(0) == channels) return image;
  if (channels == 3) return image.expand({3, -1, -1});
  const at::Tensor luma = at::tensor({0.299f, 0.587f, 0.114f}).view({3, 1, 1});
  return (image.to(at::kFloat) * luma).sum(0, true).round().to(at::kByte);
}

at::Tensor fit_image(const at::Tensor& image, int64_t channels, int64_t height, int64_t width) {
  const at::Tensor x = with_channels(image, channels);
  if (x.size(1) == height && x.size(2) == width) return x;
  if (height == width) return resize_square(x.unsqueeze(0), height).squeeze(0);
  return resize_bicubic(x.unsqueeze(0), height, width).squeeze(0);
}

}  // namespace obverse
