#include "obverse/apps/oriented_features.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/error.h"

namespace obverse {
namespace {

constexpr int64_t kDirections = 8, kCells = 10;
constexpr double kFaint = 0.1;

at::Tensor blurred(const at::Tensor& x) {  // [N, 1, H, W]
  const at::Tensor bell = (-0.5 * at::arange(-3, 4, at::kFloat).square()).exp();
  const at::Tensor kernel = bell / bell.sum();
  const std::vector<int64_t> across = {0, 3}, down = {3, 0}, one = {1, 1};
  return at::conv2d(at::conv2d(x, kernel.view({1, 1, 1, 7}), {}, one, across), kernel.view({1, 1, 7, 1}), {}, one,
                    down);
}

}  // namespace

at::Tensor oriented_features(const at::Tensor& x) {
  const at::Tensor padded = at::constant_pad_nd(blurred((x.mean(1, true) + 1) / 2), {1, 1, 1, 1});
  const int64_t height = x.size(2), width = x.size(3);
  const auto part = [&](int64_t down, int64_t right) {
    return padded.slice(2, down, down + height).slice(3, right, right + width);
  };
  const at::Tensor across = part(1, 2) - part(1, 0), down = part(2, 1) - part(0, 1);  // [N, 1, H, W]
  const at::Tensor length = (across.square() + down.square()).sqrt(), scale = 1 / (length + kFaint);
  const at::Tensor angle = at::arange(kDirections, at::kFloat).view({1, -1, 1, 1}) * (2 * M_PI / kDirections);
  const at::Tensor along = ((across * angle.cos() + down * angle.sin()) * scale).clamp_min(0);  // [N, 8, H, W]
  const at::Tensor votes = along.square() / (length * scale + 0.01);
  const int64_t step = std::max<int64_t>(3, (std::max(height, width) + kCells - 1) / kCells), cell = step * 5 / 3;
  if (std::min(height, width) + 2 * (cell / 5) < cell)
    fail("images of {}x{} are too small, or too oblong, for histograms of directions: use another method", width,
         height);
  return at::avg_pool2d(votes, {cell, cell}, {step, step}, {cell / 5, cell / 5});
}

}  // namespace obverse
