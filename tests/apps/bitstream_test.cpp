#include "obverse/apps/bitstream.h"

#include <gmock/gmock.h>

#include "obverse/core/error.h"
#include "obverse/io/files.h"

namespace obverse {
namespace {

using testing::HasSubstr;

Bitstream example() { return {Bitstream::Kind::lossy, sha256("model"), {1, 28, 27}, 5, "some bytes"}; }

std::string refusal(const std::string& bytes) {
  try {
    read_bitstream(bytes, "f.obv");
  } catch (const UserError& e) {
    return e.what();
  }
  return "";
}

TEST(Bitstream, ComesBackAsItWas) {
  const std::string bytes = write_bitstream(example());
  EXPECT_EQ(bytes.size(), 10u + 40u);
  const Bitstream back = read_bitstream(bytes, "f.obv");
  EXPECT_EQ(back.kind, Bitstream::Kind::lossy);
  EXPECT_EQ(back.shape, example().shape);
  EXPECT_EQ(back.count, 5);
  EXPECT_EQ(back.body, "some bytes");
  EXPECT_NO_THROW(check_made_with(back, "f.obv", sha256("model"), "model", {1, 28, 27}));
}

TEST(Bitstream, EveryCutAndEveryAlteredBitIsRefusedInOneLine) {
  const std::string bytes = write_bitstream(example());
  for (size_t n = 0; n < bytes.size(); ++n) EXPECT_NE(refusal(bytes.substr(0, n)), "") << n;
  EXPECT_THAT(refusal(bytes.substr(0, 45)), HasSubstr("cut short"));
  EXPECT_NE(refusal(bytes + "x"), "");
  for (size_t i = 0; i < 8 * bytes.size(); ++i) {
    std::string altered = bytes;
    altered[i / 8] = static_cast<char>(altered[i / 8] ^ 1 << (i % 8));
    const std::string message = refusal(altered);
    EXPECT_NE(message, "") << i;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
  std::string newer = bytes;
  newer[4] = 9;
  EXPECT_THAT(refusal(newer), HasSubstr("version 9"));
  EXPECT_THAT(refusal("\x89PNG"), HasSubstr("not a file of compressed images"));
}

TEST(Bitstream, AnotherModelOrShapeIsRefused) {
  const Bitstream stream = read_bitstream(write_bitstream(example()), "f");
  EXPECT_THROW(check_made_with(stream, "f", sha256("other"), "m", {1, 28, 27}), UserError);
  EXPECT_THROW(check_made_with(stream, "f", sha256("model"), "m", {1, 28, 28}), UserError);
}

TEST(Bitstream, ChecksumOfAWellKnownText) { EXPECT_EQ(crc16("123456789"), 0x29b1); }

}  // namespace
}  // namespace obverse
