#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace obverse {

/// A share of a whole of 2^bits: what a symbol takes up on the line of all symbols.
struct Interval {
  uint32_t start = 0, size = 1;
};

/// Asymmetric numeral systems by ranges (Duda 2013), a stack of symbols: what was pushed last is popped first. The
/// state has 64 bits, at least 2^32, and moves words of 32 to and from the stack. A whole has at most 2^31 shares.
class Rans {
 public:
  /// What lies below the first symbol: words that are always the same. Bits back needs some to begin with.
  Rans() = default;
  /// A stack as `bytes` gave it. Throws UserError naming `where`.
  Rans(const std::string& bytes, const std::string& where);

  void push(Interval symbol, int bits);
  /// The share at which the next symbol lies: its interval is the one around it. It is to be popped then.
  uint32_t peek(int bits) const { return static_cast<uint32_t>(state_ & ((uint64_t{1} << bits) - 1)); }
  void pop(Interval symbol, int bits);

  /// The stack as bytes, 8 and a multiple of 4.
  std::string bytes() const;
  /// Words that were taken from below the first symbol so far.
  int64_t borrowed() const { return borrowed_; }
  /// Whether nothing is left but those words, in their order: all that was pushed has been popped.
  bool at_rest() const;

 private:
  static constexpr uint64_t kLeast = uint64_t{1} << 32;
  uint64_t state_ = kLeast;
  std::vector<uint32_t> words_;
  int64_t borrowed_ = 0;
  bool may_borrow_ = true;
  std::string where_;
};

}  // namespace obverse
