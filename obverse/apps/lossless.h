#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <string>

#include "obverse/apps/bitstream.h"
#include "obverse/models/latent_model.h"

namespace obverse {

/// Images as a code that gives back every byte.
struct LosslessCode {
  std::string bytes;
  int64_t initial_bits = 0;  // of `bytes`, what bits back began with: the same however many images follow
};

/// Told how many images are done.
using CodingProgress = std::function<void(int64_t done)>;

/// Codes images by a model's own probabilities, computed in integers (IntegerNetwork), so that any machine decodes what
/// another has coded:
///   a VAE by bits back with asymmetric numeral systems (Townsend 2019): of codes in bins of equal prior mass, the
///   one to use is popped from the message so far by q(z | x); then the image is pushed by p(x | z), and the code by
///   p(z). An image costs -log2 p(x, z) + log2 q(z | x) bits, on average the negative ELBO;
///   an autoregressive model pixel by pixel, each on or off.
/// Images are chained: one message for all.
class LosslessCoder {
 public:
  virtual ~LosslessCoder() = default;
  /// images: uint8 [N, C, H, W] of the model's shape. Throws UserError when the model is of pixels that are on or off
  /// and an image has others.
  virtual LosslessCode encode(const at::Tensor& images, const CodingProgress& progress = {}) = 0;
  /// The same images, in the same order. Throws UserError naming `where` when the code is damaged.
  virtual at::Tensor decode(const std::string& bytes, int64_t count, const std::string& where,
                            const CodingProgress& progress = {}) = 0;
  /// Whether images must have no level but 0 and 255.
  virtual bool binary() const = 0;
};

/// Throws UserError when the model has no networks to code with, is not of images of 256 levels, or its likelihood has
/// no integer form.
std::unique_ptr<LosslessCoder> lossless_coder(const LatentModel& model);

/// A file's content (Bitstream) of images uint8 [N, C, H, W]: the code, then the first 8 bytes of the images' own
/// SHA-256. Throws UserError when the images are not of the model's shape.
struct LosslessFile {
  std::string bytes;
  int64_t initial_bits = 0;
};
LosslessFile compress_lossless(const LatentModel& model, const at::Tensor& images, const CodingProgress& progress = {});

/// The images of such a file: exactly those that went in, or a UserError naming `where`.
at::Tensor decompress_lossless(const LatentModel& model, const Bitstream& stream, const std::string& where,
                               const CodingProgress& progress = {});

}  // namespace obverse
