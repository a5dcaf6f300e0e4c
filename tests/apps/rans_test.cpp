#include "obverse/apps/rans.h"

#include <gmock/gmock.h>

#include <cmath>
#include <random>

#include "obverse/core/error.h"

namespace obverse {
namespace {

TEST(Rans, GivesBackInReverseWhatWasPushedAndEndsAtRest) {
  std::mt19937_64 random(1);
  std::vector<std::pair<Interval, int>> symbols;
  for (int i = 0; i < 20000; ++i) {
    const int bits = 8 + static_cast<int>(random() % 21);
    const auto start = static_cast<uint32_t>(random() % ((uint64_t{1} << bits) - 1));
    const auto size = static_cast<uint32_t>(1 + random() % ((uint64_t{1} << bits) - start - 1));
    symbols.push_back({{start, size}, bits});
  }
  Rans coder;
  for (const auto& [symbol, bits] : symbols) coder.push(symbol, bits);
  Rans reader(coder.bytes(), "test");
  EXPECT_FALSE(reader.at_rest());
  for (auto it = symbols.rbegin(); it != symbols.rend(); ++it) {
    const uint32_t share = reader.peek(it->second);
    ASSERT_GE(share, it->first.start);
    ASSERT_LT(share - it->first.start, it->first.size);
    reader.pop(it->first, it->second);
  }
  EXPECT_TRUE(reader.at_rest());
}

// 100,000 symbols of probability 1/4: 25,000 bytes.
TEST(Rans, TakesTheBitsThatProbabilitiesSay) {
  Rans coder;
  for (int i = 0; i < 100000; ++i) coder.push({static_cast<uint32_t>(i % 4) << 10, 1 << 10}, 12);
  EXPECT_NEAR(static_cast<double>(coder.bytes().size()), 25000, 12);
}

// What is popped before anything was pushed comes from below, and goes back there.
TEST(Rans, PoppingFromAnEmptyStackIsUndoneByPushing) {
  Rans coder;
  std::vector<uint32_t> found;
  for (int i = 0; i < 10; ++i) {
    found.push_back(coder.peek(20) >> 4);
    coder.pop({found.back() << 4, 16}, 20);
  }
  EXPECT_GT(coder.borrowed(), 3);
  Rans reader(coder.bytes(), "test");
  for (auto it = found.rbegin(); it != found.rend(); ++it) reader.push({*it << 4, 16}, 20);
  EXPECT_TRUE(reader.at_rest());
}

TEST(Rans, ADamagedStackIsRefused) {
  EXPECT_THROW(Rans(std::string(7, 'x'), "f"), UserError);
  EXPECT_THROW(Rans(std::string(9, 'x'), "f"), UserError);
  EXPECT_THROW(Rans(std::string(8, '\0'), "f"), UserError);
  Rans reader(std::string(8, 'x'), "f");
  EXPECT_THROW(
      {
        for (int i = 0; i < 100; ++i) reader.pop({reader.peek(16), 1}, 16);
      },
      UserError);
}

}  // namespace
}  // namespace obverse
