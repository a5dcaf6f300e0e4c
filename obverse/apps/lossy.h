#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "obverse/apps/bit_planes.h"
#include "obverse/apps/bitstream.h"
#include "obverse/apps/restoration.h"
#include "obverse/models/latent_model.h"

namespace obverse {

struct LossyFit {
  double code_step = 0.7;       // to which codes are known at last, in units of an image's root of summed squares
  double residual_step = 0.05;  // and what a code leaves
  int64_t coefficients = 784;   // of what a code leaves
  int64_t probes = 64;          // images at which it is measured how the decoder answers to its code
  int64_t passes = 12;          // over the images, for the network that restores pictures; 0: none
};

struct EmbeddedCode;

/// A lossy codec for a model with an encoder, learned from images of its kind.
///
/// An image becomes its code z, as numbers u = A (z - m) in an orthogonal frame in which an error of 1 makes a summed
/// squared error of 1 in the picture (A from the mean of J^T J, J the decoder's Jacobian), turned to the principal axes
/// of the codes; and then r = x - G(z) by its principal components, for what the decoder cannot make. Both are coded in
/// bit planes with learned probabilities. The bytes may be cut after any of them: fewer bytes, a coarser picture. At
/// last a small network takes from the picture what cutting has put there (Restoration).
class LossyCodec {
 public:
  /// images: uint8 [N, C, H, W] for training, some thousand. Throws UserError when the model has no encoder, needs
  /// labels or is not of images.
  static LossyCodec fit(LatentModel& model, const at::Tensor& images, const LossyFit& options,
                        const std::function<void(const std::string&)>& log = {});
  /// A .safetensors file that names its model's hash.
  void save(const std::string& path) const;
  /// Throws UserError naming the path when it is damaged or of another model.
  static LossyCodec load(const std::string& path, const LatentModel& model);

  /// images: uint8 [N, C, H, W]; bytes: of an image on average, its length (1 or 2 bytes) and its checksum of 2
  /// counted: all are cut where they are equally coarse. refine: steps of latent optimisation that better the encoder's
  /// code. Returns a file's content (Bitstream).
  std::string compress(LatentModel& model, const at::Tensor& images, int64_t bytes, int64_t refine) const;
  /// uint8 [N, C, H, W]. bytes: of each image, how many to look at at most; 0: all. Throws UserError naming `where`.
  at::Tensor decompress(LatentModel& model, const Bitstream& stream, const std::string& where, int64_t bytes = 0) const;

  static constexpr int64_t kLeastBytes = 4, kMostBytes = 4096;

 private:
  at::Tensor codes_of(const at::Tensor& numbers) const;               // u [N, d] -> z
  at::Tensor numbers_of(const at::Tensor& codes) const;               // z [N, d] -> u
  at::Tensor picture(LatentModel& model, const at::Tensor& u) const;  // [N, P]
  EmbeddedCode encode(const float* u, const float* r) const;
  CodedPictures decode(LatentModel& model, const std::vector<std::string>& codes) const;
  void learn_restoration(LatentModel& model, const at::Tensor& x, const at::Tensor& u, const at::Tensor& r,
                         const LossyFit& options, const std::function<void(const std::string&)>& log);
  at::Tensor left_by(LatentModel& model, const at::Tensor& x, const at::Tensor& u) const;  // r [N, R]

  std::string model_hash_, hash_;
  at::Tensor mean_, to_numbers_, to_codes_;  // [d], [d, d], [d, d]
  at::Tensor residual_mean_, components_;    // [P], [P, R]
  BitPlanes code_planes_, residual_planes_;
  std::shared_ptr<Restoration> restoration_;  // or null
};

}  // namespace obverse
