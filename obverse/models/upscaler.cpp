#include "obverse/models/upscaler.h"

#include <ATen/ATen.h>

#include "obverse/core/error.h"
#include "obverse/layers/resample.h"

namespace obverse {
namespace {

/// 4x4 kernel with stride 2, 3x3 where the size is odd: 4 -> 7 -> 14 -> 28.
class Transposed : public Upscaler {
 public:
  Transposed(int64_t inputs, int64_t outputs, int64_t height, int64_t width, const LayerOptions& o, Rng& rng)
      : height_(height), width_(width) {
    const int64_t kernel = height % 2 == 0 && width % 2 == 0 ? 4 : 3;
    conv_ = child("conv", std::make_shared<TransposedConv2d>(inputs, outputs, rng, ConvOptions{o, kernel, 2, 1, 1}));
  }
  at::Tensor forward(const at::Tensor& x) override { return conv_->forward(x, height_, width_); }
  at::Tensor forward(const at::Tensor& x, const Affine& after, double negative_slope) override {
    return conv_->forward(x, height_, width_, after, negative_slope);
  }
  bool takes_finish() const override { return true; }

 private:
  int64_t height_, width_;
  std::shared_ptr<TransposedConv2d> conv_;
};

/// The top left [height, width] of x.
at::Tensor crop(const at::Tensor& x, int64_t height, int64_t width) {
  return x.narrow(2, 0, height).narrow(3, 0, width);
}

/// Up-sampling without weights, then a 3x3 convolution.
template <at::Tensor (*enlarge)(const at::Tensor&)>
class Resize : public Upscaler {
 public:
  Resize(int64_t inputs, int64_t outputs, int64_t height, int64_t width, const LayerOptions& o, Rng& rng)
      : height_(height), width_(width) {
    conv_ = child("conv", std::make_shared<Conv2d>(inputs, outputs, rng, ConvOptions{o, 3, 1, 1, 1}));
  }
  at::Tensor forward(const at::Tensor& x) override { return conv_->forward(crop(enlarge(x), height_, width_)); }

 private:
  int64_t height_, width_;
  std::shared_ptr<Conv2d> conv_;
};

/// 3x3 convolution to four times the channels, which become 2x2 pixels.
class Shuffle : public Upscaler {
 public:
  Shuffle(int64_t inputs, int64_t outputs, int64_t height, int64_t width, const LayerOptions& o, Rng& rng)
      : height_(height), width_(width) {
    conv_ = child("conv", std::make_shared<Conv2d>(inputs, 4 * outputs, rng, ConvOptions{o, 3, 1, 1, 1}));
  }
  at::Tensor forward(const at::Tensor& x) override {
    return crop(at::pixel_shuffle(conv_->forward(x), 2), height_, width_).contiguous(placement().memory_format);
  }

 private:
  int64_t height_, width_;
  std::shared_ptr<Conv2d> conv_;
};

template <class Layer>
UpscalerRow row(std::string name, std::string source) {
  return {std::move(name), std::move(source),
          [](int64_t inputs, int64_t outputs, int64_t height, int64_t width, const LayerOptions& o, Rng& rng)
              -> std::shared_ptr<Upscaler> { return std::make_shared<Layer>(inputs, outputs, height, width, o, rng); }};
}

}  // namespace

at::Tensor Upscaler::forward(const at::Tensor&, const Affine&, double) {
  fail("this way of doubling an image's size takes no normalisation");
}

const std::vector<UpscalerRow>& upscaler_table() {
  static const std::vector<UpscalerRow> table = {
      row<Transposed>("transposed", "4x4 transposed convolution, stride 2; Radford 2016"),
      row<Resize<repeat_pixels>>("nearest", "repeated pixels and a 3x3 convolution; Odena 2016"),
      row<Resize<upsample>>("bilinear", "[1, 2, 1] filter and a 3x3 convolution; Karras 2019"),
      row<Shuffle>("shuffle", "3x3 convolution and sub-pixel shuffle; Shi 2016"),
  };
  return table;
}

}  // namespace obverse
