#include "obverse/layers/minibatch_discrimination.h"

#include <ATen/ATen.h>

#include "obverse/layers/trace.h"

namespace obverse {

MinibatchDiscrimination::MinibatchDiscrimination(int64_t features, int64_t kernels, int64_t numbers, const Init& init,
                                                 Rng& rng)
    : kernels_(kernels), numbers_(numbers) {
  parameter("weight", weight_, draw_weight({features, kernels * numbers}, features, init, rng));
}

at::Tensor MinibatchDiscrimination::forward(const at::Tensor& h) {
  const at::Tensor m = at::mm(h, weight_).view({-1, kernels_, numbers_});
  const at::Tensor distance = (m.unsqueeze(1) - m.unsqueeze(0)).abs().sum(3);  // [N, N, kernels]
  Trace::report(weight_, distance, 2.0 * static_cast<double>(h.size(0) * weight_.numel() + m.numel() * h.size(0)));
  return at::cat({h, at::exp(-distance).sum(1) - 1}, 1);  // less the sample itself
}

}  // namespace obverse
