#include "obverse/train/motion.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/rng.h"

namespace obverse {
namespace {

constexpr int64_t kLooks = 24;        // remembered
constexpr int64_t kDirections = 64;   // of the projection, which keeps lengths and angles well enough
constexpr int64_t kSide = 16;         // of images, larger ones being averaged down to it
constexpr int64_t kLongestHalf = 10;  // looks of half a period: the memory holds it more than once
constexpr double kOn = 0.3, kBack = -0.3, kTurn = -0.75;

// Of an oscillation; 0: there is none.
double period_of(const at::Tensor& steps, double square) {
  const auto correlation = [&](int64_t k) {
    const int64_t n = steps.size(0) - k;
    return (steps.slice(0, 0, n) * steps.slice(0, k)).sum(1).mean().item<double>() / square;
  };
  const double first = correlation(1);
  if (first < kTurn && correlation(2) > kOn) return 2;
  if (first < kOn) return 0;
  int64_t half = 0;
  double lowest = kBack;
  for (int64_t k = 2; k <= kLongestHalf; ++k)
    if (const double c = correlation(k); c < lowest) half = k, lowest = c;
  return 2.0 * static_cast<double>(half);
}

}  // namespace

std::optional<Motion::Swing> Motion::look(const at::Tensor& samples) {
  at::Tensor x = samples.detach().to(at::kFloat);
  if (x.dim() == 4) x = at::adaptive_avg_pool2d(x, {std::min(kSide, x.size(2)), std::min(kSide, x.size(3))});
  x = x.flatten(1);
  Rng rng(0, "motion");  // the same directions at every look
  const at::Tensor place = x.reshape({1, -1}).mm(rng.normal({x.numel(), kDirections}));
  if (!place.isfinite().all().item<bool>()) return std::nullopt;  // other monitors tell of that
  const auto* values = static_cast<const float*>(place.data_ptr());
  places_.emplace_back(values, values + kDirections);
  if (places_.size() > kLooks) places_.pop_front();
  if (places_.size() < kLooks) return std::nullopt;

  std::vector<at::Tensor> rows;
  for (std::vector<float>& p : places_) rows.push_back(at::from_blob(p.data(), {kDirections}, at::kFloat));
  const at::Tensor path = at::stack(rows), steps = path.diff(1, 0);
  const double square = steps.square().sum(1).mean().item<double>();
  if (!(square > 0)) return Swing{};
  // A projection by normal numbers keeps a square times its directions.
  const double moved = (path - path.mean(0)).square().sum(1).mean().item<double>() / kDirections;
  const double spread = (x - x.mean(0)).square().sum().item<double>();
  return Swing{std::sqrt(moved / std::max(spread, 1e-30)), period_of(steps, square)};
}

}  // namespace obverse
