#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "obverse/core/autograd.h"

namespace obverse {

/// f of slices of x's rows, put together, without gradients. x: [N, ...], N > 0; f: [n, ...] -> [n, ...].
template <class F>
at::Tensor by_slices(const at::Tensor& x, const F& f, int64_t slice = 500) {
  std::vector<at::Tensor> parts;
  for (int64_t i = 0; i < x.size(0); i += slice)
    parts.push_back(without_grad([&] { return f(x.slice(0, i, i + slice)); }));
  return at::cat(parts);
}

}  // namespace obverse
