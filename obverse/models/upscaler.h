#pragma once

#include "obverse/layers/convolution.h"

namespace obverse {

/// A layer that takes images to the next size: twice as large, or one less than that.
class Upscaler : public Module {
 public:
  virtual at::Tensor forward(const at::Tensor& x) = 0;  // [N, inputs, h, w] -> [N, outputs, height, width]
  /// And a fixed normalisation and (leaky) ReLU after it, where that can be one operation: see takes_finish.
  virtual at::Tensor forward(const at::Tensor& x, const Affine& after, double negative_slope);
  virtual bool takes_finish() const { return false; }
};

struct UpscalerRow {
  std::string name, source;
  std::shared_ptr<Upscaler> (*build)(int64_t inputs, int64_t outputs, int64_t height, int64_t width,
                                     const LayerOptions& options, Rng& rng);
};

/// transposed, nearest, bilinear, shuffle.
const std::vector<UpscalerRow>& upscaler_table();

}  // namespace obverse
