#include "obverse/io/npz.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "obverse/io/files.h"
#include "obverse/io/zip.h"
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

// An NPY file of version 1 with this header dictionary.
std::string npy(std::string header, const std::string& data) {
  header += "\n";
  return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header + data;
}

at::Tensor read_npy(const std::string& bytes) {
  const TemporaryFolder folder;
  put(folder.file("a.npy"), bytes);
  return read_npz(folder.file("a.npy")).at(0).second;
}

TEST(Npz, GivesBackEveryDtypeAndShape) {
  const TemporaryFolder folder;
  const NamedTensors arrays = {{"byte", at::arange(24, at::kByte).view({2, 3, 4})},
                               {"char", at::tensor({-1}, at::kChar)},
                               {"short", at::tensor({-300}, at::kShort)},
                               {"int", at::tensor({-70000}, at::kInt)},
                               {"long", at::tensor({-(int64_t{1} << 40)}, at::kLong)},
                               {"flag", at::tensor({1, 0}, at::kByte).to(at::kBool)},
                               {"half", at::tensor({0.5}, at::kFloat).to(at::kHalf)},
                               {"float", at::tensor({0.1, 1e30}, at::kFloat)},
                               {"double", at::scalar_tensor(0.1, at::kDouble)},
                               {"nothing", at::empty({0, 5})},
                               {"turned", at::arange(6, at::kLong).view({2, 3}).t()}};
  write_npz(folder.file("a.npz"), arrays);
  const NamedTensors found = read_npz(folder.file("a.npz"));
  ASSERT_EQ(found.size(), arrays.size());
  for (size_t i = 0; i < arrays.size(); ++i) {
    EXPECT_EQ(found[i].first, arrays[i].first);
    EXPECT_EQ(found[i].second.scalar_type(), arrays[i].second.scalar_type());
    EXPECT_TRUE(at::equal(found[i].second, arrays[i].second)) << arrays[i].first;
  }
}

TEST(Npz, WritesHeadersAsNumpyDoes) {
  const TemporaryFolder folder;
  write_npz(folder.file("a.npz"), {{"x", at::zeros({5})}, {"s", at::scalar_tensor(1.0, at::kDouble)}});
  const ZipReader zip(folder.file("a.npz"));
  EXPECT_EQ(zip.names(), (std::vector<std::string>{"x.npy", "s.npy"}));
  const std::string bytes = zip.read("x.npy");
  EXPECT_EQ(bytes.size(), 128u + 20u);  // data at a multiple of 64
  EXPECT_EQ(bytes[127], '\n');
  EXPECT_THAT(bytes, HasSubstr("{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }"));
  EXPECT_THAT(zip.read("s.npy"), HasSubstr("'shape': ()"));
}

TEST(Npz, ReadsWhatNumpyCompressed) {
  const NamedTensors arrays = read_npz(OBVERSE_SOURCE_DIR "/tests/fixtures/io.npz");
  EXPECT_EQ(find_tensor(arrays, "resize.source", "io.npz").sizes(), (at::IntArrayRef{23, 17}));
}

TEST(Npy, ReadsOneArrayInFortranOrder) {
  const at::Tensor x = read_npy(npy("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", "\1\2\3\4\5\6"));
  EXPECT_TRUE(at::equal(x, at::tensor({1, 3, 5, 2, 4, 6}, at::kByte).view({2, 3})));
}

TEST(Npy, ReadsVersionsTwoAndThree) {
  const std::string header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n";
  for (const char version : {'\2', '\3'}) {
    std::string bytes =
        std::string("\x93NUMPY") + version + '\0' + static_cast<char>(header.size()) + std::string(3, '\0');
    EXPECT_TRUE(at::equal(read_npy(bytes + header + "\7\x8"), at::tensor({7, 8}, at::kByte)));
  }
}

TEST(Npy, SaysWhatItDoesNotRead) {
  const auto said = [](const std::string& header, const std::string& data = "") {
    return refusal([&] { read_npy(npy(header, data)); });
  };
  EXPECT_THAT(said("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", "1234"), HasSubstr("dtype '>f4'"));
  EXPECT_THAT(said("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"), HasSubstr("dtype '|O'"));
  EXPECT_THAT(said("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }"), HasSubstr("several fields"));
  EXPECT_THAT(said("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "1234"), HasSubstr("shape needs 8"));
  EXPECT_THAT(said("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }"), HasSubstr("shape is damaged"));
  EXPECT_THAT(said("{'descr': '<f4', 'fortran_order': False, 'shape': (2, }"), HasSubstr("shape is damaged"));
  EXPECT_THAT(said("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }"),
              HasSubstr("absurd"));
  EXPECT_THAT(said("{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,1099511627776,0), }"),
              HasSubstr("absurd"));
  EXPECT_THAT(said("{'descr': '<f4', 'fortran_order': False}"), HasSubstr("no 'shape'"));
  EXPECT_THAT(said("{'descr': '<f4"), HasSubstr("damaged"));
  EXPECT_THAT(said("{'descr':"), HasSubstr("damaged"));
}

TEST(Npy, RefusesEveryTruncationAndSurvivesDamage) {
  const std::string bytes = npy("{'descr': '<i2', 'fortran_order': False, 'shape': (2, 2), }", "12345678");
  expect_truncations_refused(bytes, read_npy);
  expect_damage_survived(bytes, read_npy);
}

TEST(Npz, RefusesEveryTruncationAndSurvivesDamage) {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.npz");
  write_npz(path, {{"x", at::arange(4, at::kByte)}});
  const std::string bytes = read_file(path);
  const auto read = [&](const std::string& changed) {
    put(path, changed);
    read_npz(path);
  };
  expect_truncations_refused(bytes, read);
  expect_damage_survived(bytes, read);
}

}  // namespace
}  // namespace obverse
