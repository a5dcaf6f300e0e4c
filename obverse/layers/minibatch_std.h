#pragma once

#include <ATen/core/Tensor.h>

namespace obverse {

/// Appends one channel that holds the standard deviation over a group of samples, averaged over channels and positions:
/// a critic sees a lack of variety in it. Karras 2018, section 3. Groups are of `group` samples, or of the whole batch
/// when it does not divide. [N, C, H, W] -> [N, C + 1, H, W].
at::Tensor append_minibatch_std(const at::Tensor& x, int64_t group = 4);

}  // namespace obverse
