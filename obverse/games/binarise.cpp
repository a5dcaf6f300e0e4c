#include "obverse/games/binarise.h"

#include <ATen/ATen.h>

namespace obverse {

at::Tensor binarised(const at::Tensor& x, Rng& rng) {
  return at::where(rng.uniform(x.sizes()) < (x + 1) * 0.5, at::ones({}, x.options()), at::full({}, -1, x.options()));
}

}  // namespace obverse
