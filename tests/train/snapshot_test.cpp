#include "obverse/train/snapshot.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace obverse {
namespace {

// Translates to class 1 by white, to class 0 by black.
class Painter : public LatentModel {
 public:
  const Domain& domain() const override { return domain_; }
  std::vector<LatentSpace> spaces() const override { return {{"image", {1, 1, 1}}}; }
  bool translates() const override { return true; }
  at::Tensor decode(const at::Tensor& code, const at::Tensor& y) override {
    return (2.0 * y.to(at::kFloat) - 1).view({-1, 1, 1, 1}).expand_as(code);
  }

 private:
  Domain domain_{Domain::Kind::image, {1, 1, 1}, 256, {}};
};

TEST(Snapshot, TranslatesBothClassesWhereOneComesFirstInTheData) {
  Dataset data;
  data.domain = {Domain::Kind::image, {1, 1, 1}, 256, {"dark", "light"}};
  data.labels = at::cat({at::zeros({40}, at::kLong), at::ones({6}, at::kLong)});
  data.samples = (60 + 100 * data.labels).to(at::kByte).view({46, 1, 1, 1});
  Painter model;
  SnapshotGrid grid(model, 0);
  grid.translate(data);
  const at::Tensor tiles = grid.draw(model).flatten();  // 12 columns of one pixel: sample, translation, sample, ...
  ASSERT_EQ(tiles.numel(), 60);
  for (int64_t i = 0; i < 48; i += 2) {
    EXPECT_EQ(tiles[i].item<int64_t>(), 60);
    EXPECT_EQ(tiles[i + 1].item<int64_t>(), 255);
  }
  for (int64_t i = 48; i < 60; i += 2) {
    EXPECT_EQ(tiles[i].item<int64_t>(), 160);
    EXPECT_EQ(tiles[i + 1].item<int64_t>(), 0);
  }
}

}  // namespace
}  // namespace obverse
