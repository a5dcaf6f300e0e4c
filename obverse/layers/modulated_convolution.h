#pragma once

#include "obverse/layers/equalised.h"

namespace obverse {

/// A convolution whose weights a style scales, a sample each: Karras 2020 (StyleGAN2), eq. 1 and 3. With s [inputs] the
/// style and W the weight, a sample is convolved by W'_oik = s_i W_oik, divided, where it demodulates, by the norm over
/// (i, k) of W'_o. Computed as a convolution by W of the scaled input, whose output is scaled: the same function, and
/// one convolution for all samples.
class ModulatedConv2d : public Module {
 public:
  ModulatedConv2d(int64_t inputs, int64_t outputs, int64_t kernel, int64_t w_dim, bool demodulate, Rng& rng);
  at::Tensor forward(const at::Tensor& x, const at::Tensor& w);  // [N, inputs, H, W], [N, w_dim] -> [N, outputs, H, W]
  /// The style of each sample, initial mean 1: [N, w_dim] -> [N, inputs].
  const at::Tensor& style_weight() const { return affine_->weight(); }  // [inputs, w_dim]
  at::Tensor style(const at::Tensor& w) { return affine_->forward(w); }

 private:
  bool demodulate_;
  int64_t kernel_;
  double scale_;  // equalised learning rate
  std::shared_ptr<EqualisedLinear> affine_;
  std::shared_ptr<WeightCopies> copies_;
  at::Tensor weight_;  // [outputs, inputs, kernel, kernel]
};

}  // namespace obverse
