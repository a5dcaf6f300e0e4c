#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/refusal.h"

namespace obverse::testing {

/// Writes a file, and the folders above it, without the care of write_file.
inline void put(const std::string& path, const std::string& bytes) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

/// Every proper beginning of `bytes` is refused by `read`.
template <class Read>
void expect_truncations_refused(const std::string& bytes, Read&& read) {
  for (size_t n = 0; n < bytes.size(); ++n) {
    SCOPED_TRACE("cut after " + std::to_string(n) + " bytes");
    refusal([&] { read(bytes.substr(0, n)); });
  }
}

/// Reads `bytes` with each byte damaged in turn: it may be refused as a mistake of the user's, and must not fail
/// otherwise.
template <class Read>
void expect_damage_survived(const std::string& bytes, Read&& read) {
  for (size_t i = 0; i < bytes.size(); ++i)
    for (const int change : {0x01, 0x80, 0xff}) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ change);
      SCOPED_TRACE("byte " + std::to_string(i) + " changed by " + std::to_string(change));
      try {
        read(damaged);
      } catch (const UserError&) {
      }
    }
}

}  // namespace obverse::testing
