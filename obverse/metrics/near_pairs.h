#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace obverse {

/// Finds the pairs of rows of two sets that may be nearer than a limit, without measuring all pairs exactly.
///
/// A cheap pass over blocks of pairs makes |x - y|^2 = |x|^2 + |y|^2 - 2 x.y from products of rounded rows, in bfloat16
/// on the processor's matrix units or in float32, with a bound on the error that always holds: for rows rounded to a
/// relative u, |x.y - product| <= (2 u + u^2 + accumulation) |x| |y|. Only pairs that the bound cannot rule out are
/// handed on; whoever needs to decide about one asks for its exact distance. So results are those of exact arithmetic,
/// whatever the pass.
///
/// Memory beside the sets: a rounded copy of each, and one block of kBlock x kBlock products (16 MiB).
class NearPairs {
 public:
  enum class Pass { automatic, float32, bfloat16 };
  static constexpr int64_t kBlock = 2048;

  /// x: [N, F], y: [M, F], float32 or float64, both of one type; finite. Both are kept. automatic: bfloat16 when the
  /// processor multiplies it fast and a few rows show that its bound rules out nearly all pairs.
  NearPairs(const at::Tensor& x, const at::Tensor& y, Pass pass = Pass::automatic);

  /// Bounds of the squared distance of row i of x and row j of y.
  struct Pair {
    int64_t i, j;
    double low, high;
  };

  /// Calls visit for every pair whose low bound is at most row_limits[i], or column_limits[j] where these are given.
  /// visit may lower its row's limit, which holds for later columns; it is called by several threads, each with rows of
  /// its own. A row's columns come in order; after the last of a block of rows, done(first, last) is called.
  void run(std::vector<float>& row_limits, const std::vector<float>& column_limits,
           const std::function<void(const Pair&)>& visit,
           const std::function<void(int64_t first, int64_t last)>& done = {}) const;

  /// Squared distance of row i of x and row j of y, from differences in float64.
  double exact(int64_t i, int64_t j) const;

  bool uses_bfloat16() const { return bfloat16_; }

  /// The least float32 that is no less than a limit.
  static float limit(double value);

 private:
  struct Side {
    at::Tensor rows;     // as given
    at::Tensor rounded;  // [N, F] about the common middle
    std::vector<float> low_squares, high_squares;
    std::vector<float> norms, errors;  // the larger of |x|, |x'|; |d|
  };
  static Side prepare(const at::Tensor& rows, const at::Tensor& middle, bool bfloat16);
  bool few_would_be_left(const at::Tensor& middle) const;

  bool bfloat16_ = false;
  Side x_, y_;
};

}  // namespace obverse
