#include "obverse/apps/bit_coder.h"

namespace obverse {

namespace {
constexpr uint32_t kLeastRange = 1u << 24;
uint32_t bound_of(uint32_t range, BitShare share) { return (range >> 16) * share; }
}  // namespace

bool BitEncoder::code(bool bit, BitShare share) {
  const uint32_t bound = bound_of(range_, share);
  if (bit) {
    range_ = bound;
  } else {
    low_ += bound;
    range_ -= bound;
  }
  while (range_ < kLeastRange) {
    range_ <<= 8;
    shift();
  }
  return bit;
}

// Moves out the uppermost byte of `low`, unless a carry could still reach it.
void BitEncoder::shift() {
  if (low_ < 0xff000000u || low_ > 0xffffffffu) {
    const auto carry = static_cast<uint8_t>(low_ >> 32);
    if (!first_) bytes_ += static_cast<char>(held_ + carry);
    first_ = false;
    for (; waiting_ > 0; --waiting_) bytes_ += static_cast<char>(0xff + carry);
    held_ = static_cast<uint8_t>(low_ >> 24);
  } else {
    ++waiting_;
  }
  low_ = (low_ & 0x00ffffffu) << 8;
}

std::string BitEncoder::finish() {
  for (int i = 0; i < 5; ++i) shift();
  return bytes_;
}

BitDecoder::BitDecoder(const std::string& bytes) : bytes_(bytes) {
  for (int i = 0; i < 4; ++i) {
    least_ = least_ << 8 | next(0);
    --at_;
    most_ = most_ << 8 | next(0xff);
  }
}

uint32_t BitDecoder::next(uint8_t filler) {
  const size_t at = at_++;
  return at < bytes_.size() ? static_cast<uint8_t>(bytes_[at]) : filler;
}

bool BitDecoder::code(bool, BitShare share) {
  if (ended_) return false;
  const uint32_t bound = bound_of(range_, share);
  const bool bit = most_ < bound;
  if (!bit && least_ < bound) {
    ended_ = true;
    return false;
  }
  if (bit) {
    range_ = bound;
  } else {
    least_ -= bound;
    most_ -= bound;
    range_ -= bound;
  }
  while (range_ < kLeastRange) {
    range_ <<= 8;
    least_ = least_ << 8 | next(0);
    --at_;
    most_ = most_ << 8 | next(0xff);
  }
  return bit;
}

}  // namespace obverse
