#pragma once

#include <ATen/core/Tensor.h>

namespace obverse {

/// What chains tell of each number they sample. draws: [chains, draws, d], two chains or more of four draws or more.

/// Split R-hat: each chain is cut in two, and the spread between halves compared with that inside them. 1 where they
/// agree, above about 1.05 where they have not met. Gelman 2013, section 11.4. Returns [d] float64.
at::Tensor split_r_hat(const at::Tensor& draws);

/// Effective sample size by Geyer's initial monotone sequence over the split chains: Vehtari 2021, section 3.2. At most
/// that of independent draws times log10 of their number. Returns [d] float64.
at::Tensor effective_sample_size(const at::Tensor& draws);

}  // namespace obverse
