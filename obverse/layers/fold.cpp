#include "obverse/layers/fold.h"

#include <ATen/ATen.h>
#include <ATen/Dispatch.h>
#include <ATen/Parallel.h>

#include "obverse/core/autograd.h"
#include "obverse/layers/fused_node.h"

namespace obverse {
namespace {

at::Tensor channels_last(at::IntArrayRef size, const at::Tensor& like) {
  return at::empty({size[0], size[2], size[3], size[1]}, like.options()).permute({0, 3, 1, 2});
}

// f(n, i) for each sample and row.
template <class F>
void each_row(int64_t samples, int64_t rows, int64_t row_size, const F& f) {
  constexpr int64_t kGrain = 1 << 13;
  at::parallel_for(0, samples * rows, std::max<int64_t>(1, kGrain / row_size), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) f(r / rows, r % rows);
  });
}

at::Tensor fold(const at::Tensor& x) {
  const int64_t channels = x.size(1), height = x.size(2), width = x.size(3), wide = width / 2 + 1;
  const at::Tensor result = channels_last({x.size(0), 4 * channels, height / 2 + 1, wide}, x);
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, x.scalar_type(), "fold_pixels", [&] {
    const scalar_t* from = x.data_ptr<scalar_t>();
    scalar_t* to = result.data_ptr<scalar_t>();
    const int64_t by_n = x.stride(0), by_c = x.stride(1), by_y = x.stride(2), by_x = x.stride(3);
    each_row(x.size(0), height / 2 + 1, wide * 4 * channels, [&](int64_t n, int64_t i) {
      scalar_t* pixel = to + (n * (height / 2 + 1) + i) * wide * 4 * channels;
      for (int64_t j = 0; j < wide; ++j)
        for (int64_t c = 0; c < channels; ++c)
          for (int64_t k = 0; k < 4; ++k) {
            const int64_t y = 2 * i + k / 2 - 1, z = 2 * j + k % 2 - 1;
            const bool inside = y >= 0 && z >= 0 && y < height && z < width;
            *pixel++ = inside ? from[n * by_n + c * by_c + y * by_y + z * by_x] : scalar_t(0);
          }
    });
  });
  return result;
}

at::Tensor unfold(const at::Tensor& p, const at::Tensor& bias) {
  const int64_t channels = p.size(1) / 4, height = 2 * (p.size(2) - 1), width = 2 * (p.size(3) - 1);
  const at::Tensor result = channels_last({p.size(0), channels, height, width}, p);
  const at::Tensor add = bias.defined() ? bias.to(p.scalar_type()) : at::zeros({channels}, p.options());
  AT_DISPATCH_FLOATING_TYPES_AND(at::kBFloat16, p.scalar_type(), "unfold_pixels", [&] {
    const scalar_t *from = p.data_ptr<scalar_t>(), *biases = add.data_ptr<scalar_t>();
    scalar_t* to = result.data_ptr<scalar_t>();
    const int64_t by_n = p.stride(0), by_c = p.stride(1), by_y = p.stride(2), by_x = p.stride(3);
    each_row(p.size(0), height, width * channels, [&](int64_t n, int64_t i) {
      scalar_t* pixel = to + (n * height + i) * width * channels;
      for (int64_t j = 0; j < width; ++j) {
        const int64_t k = 2 * ((i + 1) % 2) + (j + 1) % 2;
        const scalar_t* square = from + n * by_n + (i + 1) / 2 * by_y + (j + 1) / 2 * by_x + k * by_c;
        for (int64_t c = 0; c < channels; ++c) *pixel++ = square[4 * c * by_c] + biases[c];
      }
    });
  });
  return result;
}

struct FoldNode : OwnNode {
  using OwnNode::OwnNode;
  Variables slopes(const Variables&, const Variables& given) override { return {unfold_pixels(given[0], {})}; }
};

struct UnfoldNode : OwnNode {
  using OwnNode::OwnNode;
  Variables slopes(const Variables& v, const Variables& given) override {  // folded, bias
    const at::Tensor& d = given[0];
    return {wanted(0) ? fold_pixels(d) : at::Tensor(),
            wanted(1) ? d.sum({0, 2, 3}, /*keepdim=*/false, v[1].scalar_type()) : at::Tensor()};
  }
};

}  // namespace

at::Tensor fold_pixels(const at::Tensor& x) {
  const at::Tensor result = without_grad([&] { return fold(x); });
  record<FoldNode>({x}, {result});
  return result;
}

at::Tensor unfold_pixels(const at::Tensor& folded, const at::Tensor& bias) {
  const at::Tensor result = without_grad([&] { return unfold(folded, bias); });
  record<UnfoldNode>({folded, bias}, {result});
  return result;
}

}  // namespace obverse
