#include "obverse/apps/rans.h"

#include "obverse/core/error.h"

namespace obverse {

// The i-th word below the first symbol: splitmix64.
static uint32_t word_below(int64_t i) {
  uint64_t x = (static_cast<uint64_t>(i) + 1) * 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return static_cast<uint32_t>(x >> 32);
}

Rans::Rans(const std::string& bytes, const std::string& where) : may_borrow_(false), where_(where) {
  if (bytes.size() < 8 || bytes.size() % 4 != 0) fail("{}: is damaged: its code is cut short", where);
  const auto word = [&](size_t at) {
    uint32_t value = 0;
    for (size_t i = 4; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
    return value;
  };
  const size_t stack = bytes.size() - 8;
  for (size_t at = 0; at < stack; at += 4) words_.push_back(word(at));
  state_ = static_cast<uint64_t>(word(stack + 4)) << 32 | word(stack);
  if (state_ < kLeast) fail("{}: is damaged: its code has no valid state", where);
}

void Rans::push(Interval symbol, int bits) {
  if (state_ >= static_cast<uint64_t>(symbol.size) << (64 - bits)) {
    words_.push_back(static_cast<uint32_t>(state_));
    state_ >>= 32;
  }
  state_ = (state_ / symbol.size << bits) + state_ % symbol.size + symbol.start;
}

void Rans::pop(Interval symbol, int bits) {
  state_ = symbol.size * (state_ >> bits) + peek(bits) - symbol.start;
  if (state_ >= kLeast) return;
  uint32_t word = 0;
  if (!words_.empty()) {
    word = words_.back();
    words_.pop_back();
  } else if (may_borrow_) {
    word = word_below(borrowed_++);
  } else {
    fail("{}: is damaged: its code ends too soon", where_);
  }
  state_ = state_ << 32 | word;
}

std::string Rans::bytes() const {
  std::string result;
  const auto add = [&](uint32_t word) {
    for (int i = 0; i < 4; ++i) result += static_cast<char>(word >> (8 * i));
  };
  for (const uint32_t word : words_) add(word);
  add(static_cast<uint32_t>(state_));
  add(static_cast<uint32_t>(state_ >> 32));
  return result;
}

bool Rans::at_rest() const {
  const auto n = static_cast<int64_t>(words_.size());
  for (int64_t i = 0; i < n; ++i)
    if (words_[static_cast<size_t>(i)] != word_below(n - 1 - i)) return false;
  return state_ == kLeast;
}

}  // namespace obverse
