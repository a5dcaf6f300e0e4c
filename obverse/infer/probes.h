#pragma once

#include <ATen/core/Tensor.h>

namespace obverse {

/// What labels can be read off vectors. x: [N, F], y: [N] int64 of training samples; test_x: [M, F].

/// The label of each test vector's nearest training vector (Euclidean): [M].
at::Tensor nearest_labels(const at::Tensor& x, const at::Tensor& y, const at::Tensor& test_x);

/// The label that most of each test vector's `count` nearest training vectors have; of equally many, that of the
/// nearer ones, whose votes count a little more: [M].
at::Tensor neighbour_labels(const at::Tensor& x, const at::Tensor& y, int64_t classes, const at::Tensor& test_x,
                            int64_t count);

/// Labels by multinomial logistic regression on standardised vectors, with a small L2 penalty: Adam from zero weights,
/// ten epochs of batches of 256 (300 steps at least), each every so-manieth row, so that nothing is drawn at random:
/// [M].
at::Tensor linear_probe_labels(const at::Tensor& x, const at::Tensor& y, int64_t classes, const at::Tensor& test_x);

}  // namespace obverse
