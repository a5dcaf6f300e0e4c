#pragma once

#include <cstdint>
#include <string>

namespace obverse {

/// Probability that a bit is 1, in 2^-16, 1 .. 65535.
using BitShare = uint16_t;

/// A range coder of bits (Martin 1979; carries as in LZMA) whose output may be cut anywhere: its first bytes decode to
/// the first bits.
class BitEncoder {
 public:
  bool code(bool bit, BitShare share);
  /// Bytes that are settled already: no bit to come changes them.
  size_t settled() const { return bytes_.size(); }
  /// All bytes. Nothing is to be coded after that.
  std::string finish();

 private:
  void shift();
  uint64_t low_ = 0;
  uint32_t range_ = 0xffffffff;
  uint8_t held_ = 0;
  uint64_t waiting_ = 0;  // bytes of 255 that a carry would change
  bool first_ = true;     // the very first byte is 0 always, and is not written
  std::string bytes_;
};

/// Reads them until it can no longer be told what the next bit is: it then depends on bytes that are not there.
class BitDecoder {
 public:
  explicit BitDecoder(const std::string& bytes);
  /// The next bit; once `ended`, false. The argument that an encoder would code is not looked at.
  bool code(bool, BitShare share);
  bool ended() const { return ended_; }

 private:
  uint32_t next(uint8_t filler);
  const std::string& bytes_;
  size_t at_ = 0;
  uint32_t least_ = 0, most_ = 0;  // the code less `low`, if zeros or if ones follow
  uint32_t range_ = 0xffffffff;
  bool ended_ = false;
};

}  // namespace obverse
