#pragma once

#include "obverse/core/named_tensors.h"
#include "obverse/core/rng.h"

namespace obverse {

/// The last generated images, so that a discriminator is shown older ones too: Shrivastava 2017, as in CycleGAN.
class ImagePool {
 public:
  /// shape: of one image.
  ImagePool(int64_t capacity, std::vector<int64_t> shape);
  /// Until it is full images are kept and handed back; then each is, by chance 1/2, exchanged for one kept before.
  /// x: [N, C, H, W] float32; returns as many.
  at::Tensor exchange(const at::Tensor& x, Rng& rng);
  NamedTensors state(const std::string& prefix) const;

 private:
  at::Tensor images_, count_;  // [capacity, C, H, W], int64 []
};

}  // namespace obverse
