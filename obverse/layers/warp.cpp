#include "obverse/layers/warp.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/autograd.h"
#include "obverse/layers/fused_node.h"

namespace obverse {
namespace {

/// The pixel that stands at place k of a line of n: -1 where there is none.
int64_t pixel_at(int64_t k, int64_t n, Border border) {
  if (k >= 0 && k < n) return k;
  if (border == Border::zero) return -1;
  if (n == 1) return 0;
  const int64_t period = 2 * (n - 1), place = ((k % period) + period) % period;
  return std::min(place, period - place);
}

/// Calls f(output row, output column, row, column, weight) for every pixel that one of the result is made of.
template <class F>
void each_share(const double* map, int64_t height, int64_t width, Border border, const F& f) {
  const double centre_x = 0.5 * static_cast<double>(width - 1), centre_y = 0.5 * static_cast<double>(height - 1);
  for (int64_t i = 0; i < height; ++i)
    for (int64_t j = 0; j < width; ++j) {
      const double px = static_cast<double>(j) - centre_x, py = static_cast<double>(i) - centre_y;
      const double x = map[0] * px + map[1] * py + map[2] + centre_x;
      const double y = map[3] * px + map[4] * py + map[5] + centre_y;
      const auto left = static_cast<int64_t>(std::floor(x)), top = static_cast<int64_t>(std::floor(y));
      const double right_share = x - std::floor(x), low_share = y - std::floor(y);
      for (int64_t corner = 0; corner < 4; ++corner) {
        const bool low = corner / 2 == 1, right = corner % 2 == 1;
        const double weight = (low ? low_share : 1 - low_share) * (right ? right_share : 1 - right_share);
        const int64_t row = pixel_at(top + low, height, border), column = pixel_at(left + right, width, border);
        if (weight != 0 && row >= 0 && column >= 0) f(i, j, row, column, weight);
      }
    }
}

// adjoint: x is the gradient of a result, which is shared out among the pixels that made it.
at::Tensor apply(const at::Tensor& x, const at::Tensor& maps, Border border, bool adjoint) {
  const int64_t channels = x.size(1), height = x.size(2), width = x.size(3);
  at::Tensor result = at::zeros_like(x, x.suggest_memory_format());
  const double* map = maps.data_ptr<double>();
  AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), "warp", [&] {
    const scalar_t* from = x.data_ptr<scalar_t>();
    scalar_t* to = result.data_ptr<scalar_t>();
    at::parallel_for(0, x.size(0), 1, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n)
        each_share(map + 6 * n, height, width, border,
                   [&](int64_t i, int64_t j, int64_t row, int64_t column, double weight) {
                     if (adjoint) std::swap(i, row), std::swap(j, column);
                     const scalar_t* a = from + n * x.stride(0) + row * x.stride(2) + column * x.stride(3);
                     scalar_t* b = to + n * result.stride(0) + i * result.stride(2) + j * result.stride(3);
                     for (int64_t c = 0; c < channels; ++c)
                       b[c * result.stride(1)] += static_cast<scalar_t>(weight) * a[c * x.stride(1)];
                   });
    });
  });
  return result;
}

at::Tensor recorded(const at::Tensor& x, const at::Tensor& maps, Border border, bool adjoint);

struct WarpNode : OwnNode {
  WarpNode(const Variables& inputs, Border beyond, bool turned) : OwnNode(inputs), border(beyond), adjoint(turned) {}
  Variables slopes(const Variables& inputs, const Variables& given) override {
    return {recorded(given[0], inputs[1], border, !adjoint), {}};
  }
  Border border;
  bool adjoint;
};

at::Tensor recorded(const at::Tensor& x, const at::Tensor& maps, Border border, bool adjoint) {
  const at::Tensor result = without_grad([&] { return apply(x, maps, border, adjoint); });
  record<WarpNode>({x, maps}, {result}, border, adjoint);
  return result;
}

}  // namespace

at::Tensor warp(const at::Tensor& x, const at::Tensor& maps, Border border) {
  return recorded(x, maps.detach().to(at::kDouble).contiguous(), border, false);
}

}  // namespace obverse
