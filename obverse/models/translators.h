#pragma once

#include "obverse/models/networks.h"

namespace obverse {

/// Images of one domain to images of another.
class Translator : public Module {
 public:
  virtual at::Tensor forward(const at::Tensor& x) = 0;  // [N, C, H, W] -> [N, C, H, W] float32 in [-1, 1]
};

/// Judges every patch of an image by itself.
class PatchDiscriminator : public Module {
 public:
  virtual at::Tensor forward(const at::Tensor& x) = 0;  // [N, C, H, W] -> logits [N, h, w] float32
};

/// resnet, unet.
const std::vector<NetworkRow<Translator>>& translator_table();
/// patchgan.
const std::vector<NetworkRow<PatchDiscriminator>>& patch_discriminator_table();

}  // namespace obverse
