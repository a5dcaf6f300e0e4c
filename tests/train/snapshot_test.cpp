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

// x = z, of as many numbers as asked for.
class Identity : public LatentModel {
 public:
  Identity(Domain domain, int64_t classes) : domain_(std::move(domain)), classes_(classes) {}
  const Domain& domain() const override { return domain_; }
  std::vector<LatentSpace> spaces() const override { return {{"z", domain_.shape}}; }
  int64_t classes() const override { return classes_; }
  at::Tensor decode(const at::Tensor& code, const at::Tensor&) override { return code; }

 private:
  Domain domain_;
  int64_t classes_;
};

TEST(Snapshot, ShowsASingleClass) {
  Identity model({Domain::Kind::image, {1, 4, 4}, 256, {"only"}}, 1);
  const SnapshotGrid grid(model, 0);
  EXPECT_EQ(grid.draw(model).sizes(), (std::vector<int64_t>{1, 32, 4}));                  // 8 rows, a column a class
  EXPECT_EQ(grid.draw_interpolations(model).sizes(), (std::vector<int64_t>{1, 32, 48}));  // 8 rows of 12 steps
}

TEST(Snapshot, ShowsPointsOfOneNumberOnALine) {
  const at::Tensor picture = draw_points(at::tensor({-0.5f, 0.5f}).view({2, 1}), 1, 8);
  EXPECT_EQ((picture < 255).sum().item<int64_t>(), 2);
  EXPECT_EQ((picture.select(1, 3) < 255).sum().item<int64_t>(), 2);  // in the middle row
}

}  // namespace
}  // namespace obverse
