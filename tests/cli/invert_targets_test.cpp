#include "obverse/cli/invert_targets.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>

#include "obverse/core/error.h"
#include "obverse/io/files.h"
#include "obverse/io/image.h"
#include "tests/refusal.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;

class InvertTargets : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string save(const std::string& name, const at::Tensor& image) const {
    write_png(folder_ + "/" + name, image.to(at::kByte).contiguous());
    return folder_ + "/" + name;
  }
  static Domain images(int64_t channels, int64_t height, int64_t width) {
    Domain domain;
    domain.shape = {channels, height, width};
    return domain;
  }
  std::string folder_ = ::testing::TempDir() + "invert_targets";
};

TEST_F(InvertTargets, AreBytesSpreadOverMinusOneToOne) {
  const Targets targets =
      read_targets({save("a.png", at::tensor({0, 51, 204, 255}).view({1, 2, 2}))}, images(1, 2, 2), false);
  EXPECT_TRUE(targets.x.allclose(at::tensor({-1.f, -0.6f, 0.6f, 1.f}).view({1, 1, 2, 2})));
}

TEST_F(InvertTargets, OfColourBecomeGreyByTheirLuma) {
  const at::Tensor colour = at::tensor({200, 100, 50}).view({3, 1, 1});  // .299 200 + .587 100 + .114 50 = 124.2
  const Targets targets = read_targets({save("a.png", colour)}, images(1, 1, 1), false);
  EXPECT_NEAR(targets.x.item<float>(), 124 / 127.5 - 1, 1e-6);
}

TEST_F(InvertTargets, OfGreyBecomeColour) {
  const Targets targets = read_targets({save("a.png", at::full({1, 2, 2}, 255))}, images(3, 2, 2), false);
  EXPECT_TRUE(targets.x.equal(at::ones({1, 3, 2, 2})));
}

TEST_F(InvertTargets, AreResizedOnlyWhenAsked) {
  const std::string path = save("a.png", at::full({1, 8, 4}, 255));
  EXPECT_TRUE(read_targets({path}, images(1, 2, 2), true).x.equal(at::ones({1, 1, 2, 2})));
  EXPECT_THAT(refusal([&] { read_targets({path}, images(1, 2, 2), false); }),
              ::testing::AllOf(::testing::HasSubstr(path), ::testing::HasSubstr("4x8"), ::testing::HasSubstr("2x2")));
}

TEST_F(InvertTargets, OfAFolderComeInOrderOfName) {
  save("b.png", at::full({1, 1, 1}, 0));
  save("a.png", at::full({1, 1, 1}, 255));
  write_file(folder_ + "/notes.txt", "not an image");
  const Targets targets = read_targets({folder_}, images(1, 1, 1), false);
  EXPECT_TRUE(targets.x.flatten().equal(at::tensor({1.f, -1.f})));
}

TEST_F(InvertTargets, NameEveryBadFileALineEach) {
  const std::string good = save("good.png", at::full({1, 1, 1}, 0)), bad = folder_ + "/bad.png";
  write_file(bad, "not an image");
  const std::string message = refusal([&] {
    read_targets({bad, good, folder_ + "/missing.png"}, images(1, 1, 1), false);
  });
  EXPECT_THAT(message, ::testing::AllOf(::testing::HasSubstr("bad.png"), ::testing::HasSubstr("missing.png")));
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 1);
}

TEST(DataNamed, IsTheModelsOwnOrTheOtherWithoutItsChoices) {
  DataOptions own;
  own.source = "mnist";
  own.path = "somewhere";
  own.classes = {3};
  own.size = 32;
  for (const char* name : {"", "mnist"}) EXPECT_EQ(data_named(name, own).path, "somewhere");
  const DataOptions other = data_named("fashion-mnist", own);
  EXPECT_EQ(other.source, "fashion-mnist");
  EXPECT_EQ(other.path, DataOptions().path);
  EXPECT_EQ(other.classes, DataOptions().classes);
  EXPECT_EQ(other.size, 32);
}

TEST_F(InvertTargets, ArePicturesOnlyForModelsOfImages) {
  Domain points;
  points.kind = Domain::Kind::points;
  points.shape = {2};
  EXPECT_THROW(read_targets({"a.png"}, points, false), UserError);
}

}  // namespace
}  // namespace obverse
