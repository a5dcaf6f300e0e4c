#include "obverse/apps/maps.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "obverse/core/autograd.h"

namespace obverse {
namespace {

constexpr double kPerplexity = 30, kExaggeration = 12;

// The ten colours of Tableau, which matplotlib and others use too.
constexpr std::array<std::array<uint8_t, 3>, 10> kPalette = {{{31, 119, 180},
                                                              {255, 127, 14},
                                                              {44, 160, 44},
                                                              {214, 39, 40},
                                                              {148, 103, 189},
                                                              {140, 86, 75},
                                                              {227, 119, 194},
                                                              {127, 127, 127},
                                                              {188, 189, 34},
                                                              {23, 190, 207}}};

at::Tensor squared_distances(const at::Tensor& x) {  // [N, N]
  const at::Tensor square = x.square().sum(1);
  return (square.unsqueeze(1) + square - 2 * at::mm(x, x.t())).clamp_min(0).fill_diagonal_(0);
}

// p(j | i), each row's width such that its perplexity is the one asked for; then made symmetric, sum 1.
at::Tensor neighbour_shares(const at::Tensor& x, double perplexity) {
  const at::Tensor distance = squared_distances(x) / x.var(0).sum();
  const int64_t n = x.size(0);
  const double wanted = std::log(perplexity);
  at::Tensor low = at::full({n, 1}, -20.0, at::kDouble), high = at::full({n, 1}, 20.0, at::kDouble), p;
  for (int i = 0; i < 40; ++i) {  // bisection over the logarithm of each row's precision
    const at::Tensor middle = (low + high) / 2;
    at::Tensor logit = -distance * middle.exp();
    logit.fill_diagonal_(-HUGE_VAL);
    p = logit.softmax(1);
    const at::Tensor wide = -at::xlogy(p, p).sum(1, true) > wanted;
    low = at::where(wide, middle, low);
    high = at::where(wide, high, middle);
  }
  return ((p + p.t()) / (2 * static_cast<double>(n))).clamp_min(1e-12);
}

}  // namespace

at::Tensor Principal::project(const at::Tensor& x) const { return at::mm(x - mean, components); }

Principal principal_components(const at::Tensor& x, int64_t count) {
  const at::Tensor mean = x.mean(0), off = (x - mean).to(at::kDouble);
  const at::Tensor covariance = at::mm(off.t(), off) / static_cast<double>(x.size(0));
  const at::Tensor vectors = std::get<1>(at::linalg_eigh(covariance)).flip(1);  // the widest first
  const at::Tensor kept = vectors.slice(1, 0, std::min(count, x.size(1)));
  const at::Tensor sign = kept.gather(0, kept.abs().argmax(0, true)).sign();
  return {mean, (kept * sign).to(at::kFloat)};
}

at::Tensor tsne(const at::Tensor& data, int64_t steps) {
  return without_grad([&] {
    const at::Tensor x = data.to(at::kDouble);
    const int64_t n = x.size(0), early = steps / 3;
    const double perplexity = std::min(kPerplexity, static_cast<double>(n - 1) / 3);
    const at::Tensor p = neighbour_shares(x, perplexity).to(at::kFloat);
    const at::Tensor start = principal_components(data, 2).project(data);
    at::Tensor y = 1e-2 * (start / start.std(0).clamp_min(1e-9));
    if (y.size(1) < 2) y = at::cat({y, at::zeros_like(y)}, 1);
    at::Tensor speed = at::zeros_like(y), gain = at::ones_like(y);
    const double rate = std::max(50.0, static_cast<double>(n) / kExaggeration);
    for (int64_t i = 0; i < steps; ++i) {
      at::Tensor near = 1 / (1 + squared_distances(y));  // Student's t with one degree of freedom
      near.fill_diagonal_(0);
      const at::Tensor pull = (i < early ? kExaggeration : 1.0) * p - near / near.sum();
      const at::Tensor force = pull * near;
      const at::Tensor slope = 4 * (force.sum(1, true) * y - at::mm(force, y));
      gain = at::where(slope.sign() != speed.sign(), gain + 0.2, gain * 0.8).clamp_min(0.01);  // Jacobs 1988
      speed = (i < early ? 0.5 : 0.8) * speed - rate * gain * slope;
      y = y + speed;
      y = y - y.mean(0);
    }
    return y;
  });
}

at::Tensor draw_map(const at::Tensor& xy, const at::Tensor& label, int64_t size) {
  at::Tensor picture = at::full({3, size, size}, 255, at::kByte);
  const at::Tensor low = std::get<0>(xy.min(0)), span = (std::get<0>(xy.max(0)) - low).max().clamp_min(1e-12);
  const double radius = static_cast<double>(size) / 160, margin = 3 * radius;
  const at::Tensor middle = (std::get<0>(xy.max(0)) + low) / 2;
  const at::Tensor place =
      (((xy - middle) / span + 0.5) * (static_cast<double>(size) - 2 * margin) + margin).to(at::kDouble).contiguous();
  const at::Tensor kinds = label.defined() ? label.contiguous() : at::zeros({xy.size(0)}, at::kLong);
  const auto* at_point = place.data_ptr<double>();
  auto* pixel = picture.data_ptr<uint8_t>();
  for (int64_t i = 0; i < xy.size(0); ++i) {
    const auto& colour = kPalette[static_cast<size_t>(std::max<int64_t>(0, kinds.data_ptr<int64_t>()[i]) % 10)];
    const double cx = at_point[2 * i], cy = static_cast<double>(size) - at_point[2 * i + 1];
    for (auto row = static_cast<int64_t>(cy - radius); row <= static_cast<int64_t>(cy + radius + 1); ++row)
      for (auto column = static_cast<int64_t>(cx - radius); column <= static_cast<int64_t>(cx + radius + 1); ++column) {
        const double distance = std::hypot(static_cast<double>(column) - cx, static_cast<double>(row) - cy);
        const double cover = std::clamp(radius + 0.5 - distance, 0.0, 1.0);
        if (cover <= 0 || row < 0 || column < 0 || row >= size || column >= size) continue;
        for (int64_t c = 0; c < 3; ++c) {
          uint8_t& value = pixel[(c * size + row) * size + column];
          value = static_cast<uint8_t>(std::lround((1 - cover) * value + cover * colour[static_cast<size_t>(c)]));
        }
      }
  }
  return picture;
}

}  // namespace obverse
