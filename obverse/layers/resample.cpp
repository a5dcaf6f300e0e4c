#include "obverse/layers/resample.h"

#include <ATen/ATen.h>

#include "obverse/layers/convolution.h"

namespace obverse {

// One filter a channel: [C, 1, 3, 3], summing to 1.
static at::Tensor filter(const at::Tensor& x) {
  const at::Tensor line = at::tensor({0.25, 0.5, 0.25}).to(x.scalar_type());  // exact even in bfloat16
  return at::outer(line, line).expand({x.size(1), 1, 3, 3}).contiguous();
}

at::Tensor downsample(const at::Tensor& x) { return convolution(x, filter(x), {}, {2, 1, x.size(1)}); }

at::Tensor upsample(const at::Tensor& x) {
  return transposed_convolution(x, filter(x) * 4, {}, {2 * x.size(2), 2 * x.size(3)}, {2, 1, x.size(1)});
}

// One a channel: [C, 1, 4, 4], summing to 1.
static at::Tensor centred_filter(const at::Tensor& x) {
  const at::Tensor line = at::tensor({0.125, 0.375, 0.375, 0.125}).to(x.scalar_type());  // exact even in bfloat16
  return at::outer(line, line).expand({x.size(1), 1, 4, 4}).contiguous();
}

at::Tensor downsample_centred(const at::Tensor& x) { return convolution(x, centred_filter(x), {}, {2, 1, x.size(1)}); }

at::Tensor upsample_centred(const at::Tensor& x) {
  return transposed_convolution(x, centred_filter(x) * 4, {}, {2 * x.size(2), 2 * x.size(3)}, {2, 1, x.size(1)});
}

at::Tensor blur_centred(const at::Tensor& x) { return convolution(x, centred_filter(x), {}, {1, 2, x.size(1)}); }

at::Tensor repeat_pixels(const at::Tensor& x) {
  return at::upsample_nearest2d(x, at::IntArrayRef{2 * x.size(2), 2 * x.size(3)});
}

}  // namespace obverse
