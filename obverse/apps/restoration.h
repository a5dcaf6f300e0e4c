#pragma once

#include <functional>
#include <memory>

#include "obverse/core/rng.h"
#include "obverse/layers/convolution.h"

namespace obverse {

/// What a decoder knows of images whose codes were cut.
struct CodedPictures {
  at::Tensor picture;  // [N, C, H, W] of all that is known
  at::Tensor model;    // [N, C, H, W] of the model's part of it alone
  at::Tensor known;    // [N, 2] share of the decisions about the code, and about what it leaves, in 0 .. 1
};

/// Three convolutions that take a coded picture nearer to the image: what quantisation spreads over the whole picture
/// is noise where the neighbourhood, and the model, say that nothing is. Its output is the mean of images given
/// CodedPictures, as far as it learns it; as after video codecs (Dai 2017), here for one model.
class Restoration : public Module {
 public:
  Restoration(int64_t channels, Rng& rng);
  at::Tensor forward(const CodedPictures& coded);  // [N, C, H, W]
  /// Steps of Adam down the squared error, of each picture relative to what it was. draw: the coded pictures of some of
  /// `samples` rows and their images [N, C, H, W]. progress: is told the share that is done, ten times.
  void learn(int64_t samples, int64_t passes, Rng& rng,
             const std::function<std::pair<CodedPictures, at::Tensor>(const at::Tensor& rows)>& draw,
             const std::function<void(double share)>& progress = {});

 private:
  std::shared_ptr<Conv2d> first_, second_, last_;
};

}  // namespace obverse
