#pragma once

#include <cstdint>
#include <vector>

namespace obverse {

/// The plain-array arithmetic of a dense stack; matrices are row-major float32. Layers are numbered from 0; `activity`
/// l is what enters layer l: 0 are the features of x, l > 0 the activated outputs of layer l - 1.
struct DenseShape {
  int64_t rows = 0, inputs = 0, waves = 0;  // waves: Fourier features' projections
  std::vector<int64_t> widths;              // of each activity, then of the output
  float negative_slope = 0;
  int64_t layers() const { return static_cast<int64_t>(widths.size()) - 1; }
};

struct DenseArrays {
  const float* x = nullptr;                   // [rows, inputs]
  const float* frequencies = nullptr;         // [inputs, waves]
  std::vector<const float*> weights, biases;  // a layer: [widths[l + 1], widths[l]], [widths[l + 1]]
  std::vector<float*> activities;             // [rows, widths[l]]; activities[0] is x when there are no waves
  float* output = nullptr;                    // [rows, widths.back()]
};

/// Rows [begin, end) of the activities and the output.
void dense_forward(const DenseShape& shape, const DenseArrays& arrays, int64_t begin, int64_t end);

/// Where gradients of rows go; null where none is wanted.
struct DenseGradients {
  std::vector<float*> weights, biases;  // as the weights; overwritten with the sum over the rows
  float* x = nullptr;                   // [rows, inputs]
};

/// From the output's gradient [rows, widths.back()]. slopes: [rows, widths[l]] scratch for each activity.
void dense_backward(const DenseShape& shape, const DenseArrays& arrays, const float* output_gradient,
                    const std::vector<float*>& slopes, const DenseGradients& gradients, int64_t begin, int64_t end);

/// From the gradients of the only output (s, [rows]) and of its slope with respect to x (v, [rows, inputs]). slopes: as
/// left by dense_backward for an output gradient of one. directions: [rows, widths[l]] scratch.
void dense_backward_of_slope(const DenseShape& shape, const DenseArrays& arrays, const float* s, const float* v,
                             const std::vector<float*>& slopes, const std::vector<float*>& directions,
                             const DenseGradients& gradients, int64_t begin, int64_t end);

}  // namespace obverse
