#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "obverse/apps/bit_coder.h"
#include "obverse/core/named_tensors.h"

namespace obverse {

/// Coefficients coded plane by plane of their binary digits, the most significant first, within a plane in their order:
/// the embedded coding of Shapiro 1993, with learned probabilities in place of trees. Whether a coefficient becomes
/// significant is coded knowing which it is, the plane, and whether so far more or fewer coefficients than usual are
/// significant. All that is learned are tables of whole numbers.
class BitPlanes {
 public:
  /// Learns from coefficients [N, n] float32. step: of the last plane; a coefficient is known to within it. planes are
  /// as many as the largest needs.
  static BitPlanes learn(const at::Tensor& coefficients, double step);

  int64_t size() const { return size_; }
  /// A coefficient as a whole number of steps, its sign kept. values: n floats; returns n numbers.
  std::vector<int32_t> quantise(const float* values) const;
  /// Codes all of them, or stops at `enough_bytes`. settled: gets the length of what is settled at every kMark-th
  /// coefficient, in all planes one after the other: an image that is cut at the same mark as another is as coarse.
  void encode(BitEncoder& bits, const std::vector<int32_t>& numbers, size_t enough_bytes,
              std::vector<uint32_t>& settled) const;
  static constexpr int64_t kMark = 4;
  /// What is known of n coefficients when the bits end: their values [n] float32. known: gets the share of all planes'
  /// coefficients that were reached.
  std::vector<float> decode(BitDecoder& bits, float& known) const;
  /// What decode gives when no bit is missing.
  std::vector<float> value(const std::vector<int32_t>& numbers) const;

  void save(NamedTensors& tensors, const std::string& prefix) const;
  /// Throws UserError naming `where` when tables are missing, of other sizes, or out of range.
  static BitPlanes load(const NamedTensors& tensors, const std::string& prefix, const std::string& where);

 private:
  static constexpr int64_t kMoods = 5;  // fewer, or more, significant coefficients than usual
  static constexpr int64_t kMostPlanes = 16;
  struct Known {
    uint32_t digits = 0;
    int shift = 31;  // of the lowest digit that is known
    bool negative = false;
  };
  /// Visits every decision in its order; `Bits` codes, decodes or counts it.
  template <class Bits>
  std::vector<Known> visit(Bits& bits, const int32_t* numbers) const;
  float value_of(const Known& known, int64_t i) const;
  int64_t mood(int64_t place, int64_t significant) const;
  size_t place(int64_t plane, int64_t i) const { return static_cast<size_t>(plane * size_ + i); }

  int64_t size_ = 0, planes_ = 0;
  double step_ = 1;
  std::vector<int64_t> usual_;         // [planes, n] coefficients significant at that point, mean, in 2^-8
  std::vector<int64_t> significance_;  // [planes, n, moods] BitShares
  std::vector<int64_t> refinement_;    // [planes, n]
  std::vector<int64_t> sign_;          // [n] that it is negative
  std::vector<int64_t> centre_;        // [planes, n] of those just found significant: where in the interval, in 2^-8
};

}  // namespace obverse
