#include "obverse/io/safetensors.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "obverse/io/files.h"
#include "tests/io/refused.h"
#include "tests/temporary_folder.h"

namespace obverse {
namespace {

using ::obverse::testing::expect_damage_survived;
using ::obverse::testing::expect_truncations_refused;
using ::obverse::testing::put;
using ::obverse::testing::refusal;
using ::obverse::testing::TemporaryFolder;
using ::testing::HasSubstr;

std::string little_endian(uint64_t value) {
  std::string bytes(8, '\0');
  for (int i = 0; i < 8; ++i) bytes[i] = static_cast<char>(value >> (8 * i));
  return bytes;
}

// A file of this header and so many zero bytes of data.
std::string assemble(const std::string& header, size_t data) {
  return little_endian(header.size()) + header + std::string(data, '\0');
}

TensorFile read_bytes(const TemporaryFolder& folder, const std::string& bytes) {
  put(folder.file("m"), bytes);
  return read_safetensors(folder.file("m"));
}

std::string refusal_of(const std::string& bytes) {
  const TemporaryFolder folder;
  return refusal([&] { read_bytes(folder, bytes); });
}

bool same_bits(const at::Tensor& a, const at::Tensor& b) {
  return a.scalar_type() == b.scalar_type() && a.sizes() == b.sizes() &&
         (a.nbytes() == 0 || std::memcmp(a.contiguous().data_ptr(), b.contiguous().data_ptr(), a.nbytes()) == 0);
}

NamedTensors every_kind() {
  return {{"flag", at::tensor({1, 0, 1}, at::kByte).to(at::kBool)},
          {"nan", at::tensor({NAN, -0.0, INFINITY, 1e-45}, at::kFloat).view({2, 2})},
          {"double", at::scalar_tensor(3.25, at::kDouble)},
          {"half", at::tensor({0.5, -2.0}, at::kFloat).to(at::kHalf)},
          {"brain", at::tensor({1.0, NAN}, at::kFloat).to(at::kBFloat16)},
          {"long", at::tensor({-(int64_t{1} << 62), int64_t{7}}, at::kLong)},
          {"int", at::tensor({-5}, at::kInt)},
          {"short", at::tensor({-5}, at::kShort)},
          {"char", at::tensor({-5}, at::kChar)},
          {"byte", at::tensor({0, 255}, at::kByte)},
          {"nothing", at::empty({0, 3})},
          {"turned", at::arange(6, at::kFloat).view({2, 3}).t()}};
}

TEST(Safetensors, GivesBackEveryDtypeShapeAndBitInOrder) {
  const TemporaryFolder folder;
  const NamedTensors tensors = every_kind();
  write_safetensors(folder.file("m"), tensors, {{"recipe", "[train]\nkimg = 1\n"}, {"caf\u00e9", "\"quoted\""}});
  const TensorFile file = read_safetensors(folder.file("m"));
  ASSERT_EQ(file.tensors.size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(file.tensors[i].first, tensors[i].first);
    EXPECT_TRUE(same_bits(file.tensors[i].second, tensors[i].second)) << tensors[i].first;
  }
  EXPECT_EQ(file.metadata.at("recipe"), "[train]\nkimg = 1\n");
  EXPECT_EQ(file.metadata.at("caf\u00e9"), "\"quoted\"");
}

TEST(Safetensors, HoldsNothingAtAll) {
  const TemporaryFolder folder;
  write_safetensors(folder.file("m"), {});
  EXPECT_TRUE(read_safetensors(folder.file("m")).tensors.empty());
  EXPECT_EQ(read_file(folder.file("m")).size() % 8, 0u);
}

TEST(Safetensors, AlignsTheDataToEightBytesAndEveryTensorToItsElements) {
  const TemporaryFolder folder;
  write_safetensors(folder.file("m"), {{"a", at::zeros({3}, at::kByte)}, {"b", at::ones({1}, at::kDouble)}});
  const std::string bytes = read_file(folder.file("m"));
  const size_t header = static_cast<unsigned char>(bytes[0]);
  EXPECT_EQ(header % 8, 0u);
  EXPECT_THAT(bytes, HasSubstr(R"("b":{"dtype":"F64","shape":[1],"data_offsets":[0,8]})"));
  EXPECT_EQ(bytes.size(), 8 + header + 8 + 3);
}

TEST(Safetensors, ReadsAFileThatNumpyPutTogether) {
  const TensorFile file = read_safetensors(OBVERSE_SOURCE_DIR "/tests/fixtures/numpy.safetensors");
  EXPECT_EQ(file.metadata.at("words"), "caf\u00e9");
  const NamedTensors expected = {{"weight", at::tensor({1.5, -0.0, NAN, INFINITY}, at::kFloat).view({2, 2})},
                                 {"double", at::tensor({M_PI}, at::kDouble)},
                                 {"half", at::tensor({0.5, -2.0}, at::kFloat).to(at::kHalf)},
                                 {"brain", at::tensor({1.0, -2.0}, at::kFloat).to(at::kBFloat16)},
                                 {"long", at::tensor({-(int64_t{1} << 62), int64_t{7}}, at::kLong)},
                                 {"int", at::tensor({-5}, at::kInt)},
                                 {"byte", at::tensor({0, 255}, at::kByte)},
                                 {"flag", at::tensor({1, 0, 1}, at::kByte).to(at::kBool)},
                                 {"nothing", at::zeros({0, 3})}};
  ASSERT_EQ(file.tensors.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(file.tensors[i].first, expected[i].first);
    EXPECT_TRUE(same_bits(file.tensors[i].second, expected[i].second)) << expected[i].first;
  }
}

TEST(Safetensors, RefusesEveryTruncation) {
  const TemporaryFolder folder;
  write_safetensors(folder.file("m"), {{"a", at::ones({2, 3})}, {"b", at::ones({3}, at::kByte)}}, {{"k", "v"}});
  const std::string bytes = read_file(folder.file("m"));
  expect_truncations_refused(bytes, [&](const std::string& cut) { read_bytes(folder, cut); });
  EXPECT_THAT(refusal_of(bytes + "x"), HasSubstr("1 bytes after the last tensor"));
}

TEST(Safetensors, SurvivesDamageToAnyByte) {
  const TemporaryFolder folder;
  write_safetensors(folder.file("m"), {{"a", at::ones({2})}, {"b", at::ones({3}, at::kBool)}}, {{"k", "v"}});
  const std::string bytes = read_file(folder.file("m"));
  expect_damage_survived(bytes, [&](const std::string& damaged) { read_bytes(folder, damaged); });
}

TEST(Safetensors, RefusesEveryFlippedBitByItsChecksum) {
  const TemporaryFolder folder;
  write_safetensors(folder.file("m"), {{"a", at::ones({2})}, {"b", at::ones({3}, at::kBool)}}, {{"k", "v"}});
  const std::string bytes = read_file(folder.file("m"));
  const size_t digits = bytes.find("crc32") + 8;
  for (size_t i = digits; i < bytes.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      SCOPED_TRACE("byte " + std::to_string(i) + " bit " + std::to_string(bit));
      const std::string said = refusal_of(damaged);
      if (i > bytes.size() - 11) EXPECT_THAT(said, HasSubstr("do not match their checksum"));
    }
  EXPECT_EQ(read_safetensors(folder.file("m")).metadata.size(), 1u);
}

// What zlib.crc32 of Python's standard library says of the same bytes.
TEST(Safetensors, WritesTheChecksumThatItSaysItWrites) {
  const TemporaryFolder folder;
  write_safetensors(folder.file("m"), {{"a", at::arange(3, at::kFloat)}}, {{"k", "v"}});
  EXPECT_THAT(read_file(folder.file("m")), HasSubstr(R"({"__metadata__":{"crc32":"0cf898cc","k":"v"})"));
}

TEST(Safetensors, RefusesLiesAboutSizes) {
  const auto one = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  EXPECT_THAT(refusal_of(assemble(one("F32", "[2]", "[0,8]"), 7)), HasSubstr("outside the file"));
  EXPECT_THAT(refusal_of(assemble(one("F32", "[2]", "[8,0]"), 8)), HasSubstr("outside the file"));
  EXPECT_THAT(refusal_of(assemble(one("F32", "[3]", "[0,8]"), 8)), HasSubstr("has 8 bytes, its shape needs 12"));
  EXPECT_THAT(refusal_of(assemble(one("F32", "[2]", "[4,12]"), 12)), HasSubstr("unused bytes before"));
  EXPECT_THAT(refusal_of(assemble(one("F32", "[-2]", "[0,8]"), 8)), HasSubstr("impossible shape"));
  EXPECT_THAT(refusal_of(assemble(one("F32", "[4611686018427387904,4]", "[0,0]"), 0)), HasSubstr("impossible shape"));
  EXPECT_THAT(refusal_of(assemble(one("F32", "[0,18446744073709551615]", "[0,0]"), 0)), HasSubstr("impossible shape"));
  EXPECT_THAT(refusal_of(assemble(one("F32", "[1.0]", "[0,4]"), 4)), HasSubstr("impossible shape"));
  EXPECT_THAT(refusal_of(assemble(one("F32", "[1]", "[0,4,8]"), 4)), HasSubstr("malformed data_offsets"));
  EXPECT_THAT(refusal_of(assemble(one("F32", "[1]", "[-4,0]"), 4)), HasSubstr("malformed data_offsets"));
  EXPECT_THAT(refusal_of(assemble(one("Q4", "[1]", "[0,4]"), 4)), HasSubstr("dtype 'Q4'"));
  EXPECT_THAT(refusal_of(assemble(R"({"a":{"dtype":"F32"}})", 4)), HasSubstr("says 'a' wrongly"));
  EXPECT_THAT(refusal_of(assemble(R"({"a":7})", 4)), HasSubstr("says 'a' wrongly"));
}

TEST(Safetensors, RefusesOverlapsAndNamesTwice) {
  const std::string a = R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  const std::string b = R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]})";
  EXPECT_THAT(refusal_of(assemble("{" + a + "," + b + "}", 12)), HasSubstr("'b' overlaps another"));
  EXPECT_THAT(refusal_of(assemble("{" + a + "," + a + "}", 8)), HasSubstr("names 'a' twice"));
}

TEST(Safetensors, RefusesWhatIsNoHeader) {
  EXPECT_THAT(refusal_of("PK\3\4 this is a zip"), HasSubstr("not a safetensors file"));
  EXPECT_THAT(refusal_of(little_endian(uint64_t{1} << 63) + "{}"), HasSubstr("not a safetensors file"));
  EXPECT_THAT(refusal_of(little_endian(1000) + "{}"), HasSubstr("header is cut short"));
  EXPECT_THAT(refusal_of(assemble("{\"a\":", 0)), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal_of(assemble("{\"\xff\":1}", 0)), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal_of(assemble("{\"a\":" + std::string(100000, '['), 0)), HasSubstr("nested too deeply"));
  EXPECT_THAT(refusal_of(assemble(R"({"__metadata__":{"a":1}})", 0)), HasSubstr("metadata 'a' is not a text"));
  EXPECT_THAT(refusal_of(assemble(R"({"__metadata__":[]})", 0)), HasSubstr("metadata is not a table"));
}

TEST(Safetensors, RefusesToWriteTextThatIsNotUtf8) {
  const TemporaryFolder folder;
  EXPECT_THAT(refusal([&] { write_safetensors(folder.file("m"), {}, {{"k", "\xff"}}); }), HasSubstr("not UTF-8"));
}

}  // namespace
}  // namespace obverse
