#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <utility>

namespace obverse {

struct Strides {
  int64_t stride = 1;
  int64_t padding = 0;
  int64_t groups = 1;
};

/// A weight as kernels want it: in their type and order. LibTorch would bring it there at every call; these copies are
/// made anew only when the weight has changed.
class WeightCopies {
 public:
  WeightCopies();
  ~WeightCopies();
  struct Copies;
  Copies& copies() { return *copies_; }

  /// What `make` makes of this weight, anew only when the weight has changed, and the copies of that.
  /// factor: another tensor that it is made of, or undefined.
  std::pair<at::Tensor, std::shared_ptr<WeightCopies>> derived(const at::Tensor& weight,
                                                               const std::function<at::Tensor()>& make,
                                                               const at::Tensor& factor = {});

 private:
  std::unique_ptr<Copies> copies_;
};

/// What follows a convolution at once: its bias [channels], or undefined, and leaky(., negative_slope); 1: nothing.
struct Finish {
  at::Tensor bias;
  double negative_slope = 1;
};

/// The three products of a convolution. In bfloat16, with channels in multiples of 32 or as a plain product of
/// matrices, by the processor's matrix units where it has them (tile_products.h), else by oneDNN, which LibTorch stands
/// on. Activations: float32 or bfloat16, channels last; weights float32 or of the activations' type in any order, [O, I
/// / groups, k, k]. copies: of this weight, or nullptr. Not recorded for differentiation.
at::Tensor convolution_product(const at::Tensor& x, const at::Tensor& weight, const Finish& finish, const Strides& s,
                               WeightCopies* copies);
/// slope: [N, O, h, w]; returns [N, I, height, width]. finish: of a transposed convolution, bias [I].
at::Tensor convolution_input_slope(const at::Tensor& slope, const at::Tensor& weight, int64_t height, int64_t width,
                                   const Strides& s, WeightCopies* copies, const Finish& finish = {});
/// slope: [N, O, h, w], x: [N, I, H, W]; returns float32 of the shape and order of `weight`.
at::Tensor convolution_weight_slope(const at::Tensor& slope, const at::Tensor& x, const at::Tensor& weight,
                                    const Strides& s);

/// Whether these work on such activations.
bool has_products(const at::Tensor& x);

}  // namespace obverse
