#include "obverse/io/tensorboard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>

#include "obverse/core/error.h"

namespace obverse {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

// Made by tests/io/tensorboard_fixture.py with Google's protobuf library.
const char kScalarRecord[] =
    "2300000000000000b09f77430900002040fc54d94110a09c012a140a120a0b4c6f73732f442f6c6f7373150000803e8f5848e0";
const char kZeroRecord[] = "0f000000000000006d532b092a0d0a0b0a047a65726f15000000008bf188bc";
const char kPictureStart[] =
    "f6000000000000004d1b289a09000000000000004010ffffffffffffffffff012adf010adc010a0566616b657322d20108ac021002180322c8"
    "01";
const char kPictureEnd[] = "5b0267ab";

std::string hex(std::string_view bytes) {
  std::string result;
  for (const unsigned char byte : bytes) {
    result += "0123456789abcdef"[byte >> 4];
    result += "0123456789abcdef"[byte & 15];
  }
  return result;
}

std::string bytes_up_to(size_t n) {
  std::string bytes(n, '\0');
  std::iota(bytes.begin(), bytes.end(), '\0');
  return bytes;
}

std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class TensorBoard : public ::testing::Test {
 protected:
  TensorBoard() {
    path_ = ::testing::TempDir() + "obverse-" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove(path_);
  }
  ~TensorBoard() override { std::filesystem::remove(path_); }

  void write_scalar(int64_t step) const { EventWriter(path_).scalar("Loss/D/loss", 0.25, step, 1700000000.5); }

  /// The payloads of the file's records; lengths and checksums must be right.
  std::vector<std::string> payloads() const {
    const std::string bytes = slurp(path_);
    std::vector<std::string> result;
    for (size_t at = 0; at < bytes.size();) {
      uint64_t length = 0;
      uint32_t length_crc = 0, crc = 0;
      std::memcpy(&length, &bytes.at(at), 8);
      std::memcpy(&length_crc, &bytes.at(at + 8), 4);
      EXPECT_EQ(length_crc, masked_crc32c(bytes.substr(at, 8)));
      result.push_back(bytes.substr(at + 12, length));
      std::memcpy(&crc, &bytes.at(at + 12 + length), 4);
      EXPECT_EQ(crc, masked_crc32c(result.back()));
      at += 16 + length;
    }
    return result;
  }
  std::string path_;
};

TEST(Crc32c, AgreesWithTheExamplesOfRfc3720) {
  std::string descending = bytes_up_to(32);
  std::reverse(descending.begin(), descending.end());
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  EXPECT_EQ(crc32c(bytes_up_to(32)), 0x46DD794Eu);
  EXPECT_EQ(crc32c(descending), 0x113FDB5Cu);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(""), 0u);
}

TEST_F(TensorBoard, StartsAFileWithTheVersion) {
  { EventWriter writer(path_); }
  ASSERT_EQ(payloads().size(), 1u);
  EXPECT_EQ(payloads()[0].size(), 24u);
  EXPECT_EQ(payloads()[0].substr(9),
            "\x1A\x0D"
            "brain.Event:2");
}

TEST_F(TensorBoard, EncodesScalarsAsProtobufDoes) {
  write_scalar(20000);
  EventWriter(path_).scalar("zero", 0, 0, 0);
  EXPECT_EQ(hex(slurp(path_).substr(40)), std::string(kScalarRecord) + kZeroRecord);
}

TEST_F(TensorBoard, EncodesPicturesAsProtobufDoes) {
  EventWriter(path_).image("fakes", bytes_up_to(200), 2, 300, -1, 2);
  EXPECT_EQ(hex(slurp(path_).substr(40)), kPictureStart + hex(bytes_up_to(200)) + kPictureEnd);
}

TEST_F(TensorBoard, TakesTheColourSpaceFromThePicture) {
  std::string png = bytes_up_to(40);
  const std::vector<std::pair<char, char>> png_to_tensorboard = {{0, 1}, {2, 3}, {3, 3}, {4, 2}, {6, 4}};
  for (const auto& [colour_type, colour_space] : png_to_tensorboard) {
    png[25] = colour_type;
    EventWriter(path_).image("x", png, 1, 1, 1, 0);
    EXPECT_THAT(payloads().back(), HasSubstr(std::string("\x08\x01\x10\x01\x18") + colour_space + "\x22\x28"));
  }
}

TEST_F(TensorBoard, GoesOnBehindTheRecordsOfAnEarlierProcess) {
  write_scalar(1);
  write_scalar(2);
  EXPECT_EQ(payloads().size(), 3u);  // the version once
}

TEST_F(TensorBoard, CutsOffARecordThatAKilledProcessLeftUnfinished) {
  write_scalar(1);
  const std::string good = slurp(path_);
  for (size_t left = 1; left < 40; left += 6) {
    std::ofstream(path_, std::ios::binary) << good << good.substr(40, left);
    { EventWriter writer(path_); }
    EXPECT_EQ(slurp(path_), good);
  }
  std::ofstream(path_, std::ios::binary) << good.substr(0, 7);  // killed in its very first record
  write_scalar(1);
  EXPECT_EQ(payloads().size(), 2u);
}

TEST_F(TensorBoard, LeavesAFileAloneThatIsNoEventFile) {
  const std::string letter = "Dear diary, today the discriminator won again.";
  std::ofstream(path_) << letter;
  EXPECT_THAT([&] { EventWriter writer(path_); }, ThrowsMessage<UserError>(HasSubstr("not a TensorBoard event file")));
  EXPECT_EQ(slurp(path_), letter);
}

TEST_F(TensorBoard, NamesThePathThatCannotBeWritten) {
  EXPECT_THAT([] { EventWriter writer("/nowhere/at/all"); }, ThrowsMessage<UserError>(HasSubstr("/nowhere/at/all")));
  EventWriter full("/dev/full");
  full.scalar("tag", 1, 1, 1);
  EXPECT_THAT([&] { full.flush(); }, ThrowsMessage<UserError>(HasSubstr("/dev/full: cannot be written")));
}

}  // namespace
}  // namespace obverse
