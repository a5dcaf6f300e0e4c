#include "obverse/data/batches.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "tests/io/refused.h"

namespace obverse {
namespace {

// Ten points on a line: sample i is at i.
std::shared_ptr<const Dataset> line(int64_t n = 10) {
  auto data = std::make_shared<Dataset>();
  data->name = "line";
  data->domain = {Domain::Kind::points, {1}, 0, {}};
  data->samples = at::arange(n, at::kFloat).view({n, 1});
  return data;
}

at::Tensor take(BatchStream& stream, int batches) {
  std::vector<at::Tensor> x;
  for (int i = 0; i < batches; ++i) x.push_back(stream.next().x);
  return at::cat(x).flatten();
}

TEST(BatchStream, ShowsEverySampleOnceAnEpochAcrossItsBorders) {
  BatchStream stream(line(), 4, Rng(3));
  const at::Tensor seen = take(stream, 5);  // two epochs
  for (const int epoch : {0, 1}) {
    const at::Tensor order = seen.slice(0, 10 * epoch, 10 * (epoch + 1));
    EXPECT_TRUE(at::equal(std::get<0>(order.sort()), at::arange(10, at::kFloat)));
  }
  EXPECT_FALSE(at::equal(seen.slice(0, 0, 10), seen.slice(0, 10, 20)));
}

// Seven samples of one class and three of the other: batches of two hold one of each, an epoch is three batches.
TEST(BatchStream, TakesClassesInTurnWhenAskedTo) {
  auto data = std::make_shared<Dataset>(*line());
  data->domain.classes = {"A", "B"};
  data->labels = at::tensor({0, 0, 1, 0, 0, 1, 0, 0, 1, 0}, at::kLong);
  BatchStream stream(data, 2, Rng(3), Spread::by_class);
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::set<double> seen;
    for (int i = 0; i < 3; ++i) {
      const Batch batch = stream.next();
      EXPECT_TRUE(at::equal(batch.y, at::tensor({0, 1}, at::kLong)));
      for (int k = 0; k < 2; ++k) seen.insert(batch.x[k].item<double>());
    }
    EXPECT_EQ(seen.size(), 6u);
    EXPECT_EQ(seen.count(2) + seen.count(5) + seen.count(8), 3u);
  }
  stream.next();
  BatchStream resumed(data, 2, Rng(4), Spread::by_class);
  resumed.set_state(stream.state());
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(at::equal(stream.next().x, resumed.next().x));
  EXPECT_THAT(testing::refusal([&] { BatchStream(line(), 2, Rng(1), Spread::by_class); }),
              ::testing::HasSubstr("no classes"));
}

TEST(BatchStream, IsTheSameForTheSameRandomStream) {
  BatchStream a(line(), 4, Rng(3, "data")), b(line(), 4, Rng(3, "data")), c(line(), 4, Rng(4, "data"));
  const at::Tensor order = take(a, 10);
  EXPECT_TRUE(at::equal(order, take(b, 10)));
  EXPECT_FALSE(at::equal(order, take(c, 10)));
}

TEST(BatchStream, GoesOnFromAnySavedStateAsIfNeverStopped) {
  for (const int64_t batch : {1, 3, 5, 10})
    for (int before = 0; before < 12; ++before) {
      BatchStream stream(line(), batch, Rng(3));
      take(stream, before == 0 ? 1 : before);
      if (before == 0) stream = BatchStream(line(), batch, Rng(3));
      const at::Tensor state = stream.state();
      const at::Tensor expected = take(stream, 9);
      BatchStream other(line(), batch, Rng(99));
      take(other, 2);
      other.set_state(state);
      EXPECT_TRUE(at::equal(take(other, 9), expected)) << batch << " " << before;
    }
}

TEST(BatchStream, EvenBatchesHoldASampleOfEveryCellAndNoneTwiceAnEpoch) {
  auto data = std::make_shared<Dataset>();  // a square of 10 x 10 points, of which 4 cells are the quarters
  data->domain = {Domain::Kind::points, {2}, 0, {}};
  const at::Tensor side = at::arange(10, at::kFloat);
  data->samples = at::stack({side.repeat_interleave(10), side.repeat({10})}, 1);
  BatchStream stream(data, 4, Rng(3), Spread::even);
  std::vector<at::Tensor> epoch;
  for (int i = 0; i < 25; ++i) {
    epoch.push_back(stream.next().x);
    const at::Tensor quarter = (epoch.back() >= 5).to(at::kLong).matmul(at::tensor({1, 2}, at::kLong));
    EXPECT_TRUE(at::equal(std::get<0>(quarter.sort()), at::arange(4, at::kLong)));
  }
  const at::Tensor seen = at::cat(epoch).matmul(at::tensor({10.F, 1.F}));
  EXPECT_TRUE(at::equal(std::get<0>(seen.sort()), at::arange(100, at::kFloat)));
}

TEST(BatchStream, EvenBatchesOfUnevenCellsGoOnFromASavedState) {
  BatchStream stream(line(11), 3, Rng(3), Spread::even);
  take(stream, 7);
  const at::Tensor state = stream.state(), expected = take(stream, 9);
  BatchStream other(line(11), 3, Rng(99), Spread::even);
  other.set_state(state);
  EXPECT_TRUE(at::equal(take(other, 9), expected));
  const at::Tensor cells = expected.view({9, 3});
  EXPECT_TRUE((cells.select(1, 0) < cells.select(1, 1)).all().item<bool>());
  EXPECT_TRUE((cells.select(1, 1) < cells.select(1, 2)).all().item<bool>());
}

TEST(BatchStream, StateIsNotChangedByWhatFollows) {
  BatchStream stream(line(), 4, Rng(3));
  const at::Tensor state = stream.state(), copy = state.clone();
  take(stream, 20);
  EXPECT_TRUE(at::equal(state, copy));
}

TEST(BatchStream, RefusesTooSmallDataAndForeignStates) {
  EXPECT_EQ(testing::refusal([] { BatchStream(line(), 11, Rng(1)); }),
            "line: 10 samples are fewer than a batch of 11: lower train.batch or use more data");
  EXPECT_THAT(testing::refusal([] { BatchStream(line(), 0, Rng(1)); }), ::testing::HasSubstr("a batch of 0"));
  BatchStream stream(line(), 4, Rng(1)), longer(line(20), 4, Rng(1));
  EXPECT_EQ(testing::refusal([&] { stream.set_state(longer.state()); }),
            "line: the run was on 20 samples, now there are 10: resume with the same data");
  EXPECT_THAT(testing::refusal([&] { stream.set_state(at::zeros({5}, at::kByte)); }), ::testing::HasSubstr("damaged"));
}

TEST(BatchStream, GivesABatchOf64SmallImagesInWellUnderAMillisecond) {
  auto data = std::make_shared<Dataset>();
  data->domain = {Domain::Kind::image, {1, 28, 28}, 256, {}};
  data->samples = at::randint(256, {20'000, 1, 28, 28}, at::kByte);
  data->labels = at::zeros({20'000}, at::kLong);
  BatchStream stream(data, 64, Rng(1));
  double fastest = 1;
  for (int i = 0; i < 200; ++i) {
    const auto start = std::chrono::steady_clock::now();
    stream.next();
    fastest = std::min(fastest, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  EXPECT_LT(fastest, 1e-3);
  RecordProperty("microseconds", std::to_string(1e6 * fastest));
}

}  // namespace
}  // namespace obverse
