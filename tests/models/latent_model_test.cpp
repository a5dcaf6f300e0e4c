#include "obverse/models/latent_model.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "obverse/core/table.h"
#include "obverse/models/networks.h"
#include "tests/refusal.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;
using ::testing::HasSubstr;

/// x = 2 z + y, and a record of the batch sizes it was asked for.
class Doubler : public LatentModel {
 public:
  explicit Doubler(int64_t classes) : classes_(classes) { name = "doubler.safetensors"; }
  const Domain& domain() const override { return domain_; }
  std::vector<LatentSpace> spaces() const override { return {{"z", {3}}}; }
  int64_t classes() const override { return classes_; }
  at::Tensor decode(const at::Tensor& code, const at::Tensor& y) override {
    batches.push_back(code.size(0));
    return y.defined() ? 2 * code + y.unsqueeze(1) : 2 * code;
  }
  std::vector<int64_t> batches;

 private:
  Domain domain_{Domain::Kind::points, {3}, 0, {}};
  int64_t classes_;
};

TEST(LatentsForSeeds, GivesASeedTheSameLatentInAnyCompany) {
  const Doubler model(0);
  const at::Tensor many = latents_for_seeds(model, {5, 6, 7}), one = latents_for_seeds(model, {6});
  EXPECT_EQ(many.sizes(), at::IntArrayRef({3, 3}));
  EXPECT_TRUE(at::equal(many[1], one[0]));
  EXPECT_FALSE(at::equal(many[0], many[1]));
}

TEST(LatentsForSeeds, ScalesByTheTruncation) {
  const Doubler model(0);
  EXPECT_TRUE(at::allclose(latents_for_seeds(model, {5}, 0.5), latents_for_seeds(model, {5}) * 0.5));
}

TEST(DecodeAll, AlwaysAsksForTheSameBatchAndReturnsWhatWasAskedFor) {
  Doubler model(2);
  const at::Tensor code = at::arange(21, at::kFloat).view({7, 3}), y = at::arange(7, at::kLong) % 2;
  const at::Tensor x = decode_all(model, code, y, 3);
  EXPECT_TRUE(at::equal(x, 2 * code + y.unsqueeze(1)));
  EXPECT_THAT(model.batches, ::testing::Each(3));
  EXPECT_EQ(model.batches.size(), 3U);
}

/// A generator of the zoo as it stands after training: evaluation mode, frozen.
class Frozen : public LatentModel {
 public:
  Frozen() {
    Rng rng(1, "initialisation");
    const auto& row = find_row(generator_table(), "network", "dcgan");
    generator_ = row.build(*row.options(), {domain_, 16, 0}, rng);
    generator_->set_placement(choose_placement("auto"));
    generator_->forward(rng.normal({32, 16}), {});  // some statistics
    generator_->train(false);
    generator_->set_requires_grad(false);
  }
  const Domain& domain() const override { return domain_; }
  std::vector<LatentSpace> spaces() const override { return {{"z", {16}}}; }
  at::Tensor decode(const at::Tensor& code, const at::Tensor& y) override { return generator_->forward(code, y); }

 private:
  Domain domain_{Domain::Kind::image, {1, 28, 28}, 256, {}};
  std::shared_ptr<Generator> generator_;
};

TEST(DecodeAll, GivesASeedTheSameImageWhateverElseIsAskedFor) {
  Frozen model;
  std::vector<uint64_t> seeds(70);
  std::iota(seeds.begin(), seeds.end(), 0);
  const at::Tensor many = decode_all(model, latents_for_seeds(model, seeds), {});
  for (const uint64_t seed : {0, 5, 63, 69}) {
    const at::Tensor one = decode_all(model, latents_for_seeds(model, {seed}), {});
    const double difference = (many[static_cast<int64_t>(seed)] - one[0]).abs().max().item<double>();
    EXPECT_LE(127.5 * difference, 1) << "seed " << seed;  // one level of 256
  }
}

TEST(DecodeAll, RecordsNoGradients) {
  Doubler model(0);
  EXPECT_FALSE(decode_all(model, at::ones({2, 3}).requires_grad_(true), {}).requires_grad());
}

TEST(Sample, DrawsLabelsWhereTheModelNeedsThem) {
  Doubler labelled(4), plain(0);
  Rng rng(1);
  const Batch with = sample(labelled, 200, rng), without = sample(plain, 5, rng);
  EXPECT_EQ(with.x.sizes(), at::IntArrayRef({200, 3}));
  EXPECT_EQ(with.y.min().item<int64_t>(), 0);
  EXPECT_EQ(with.y.max().item<int64_t>(), 3);
  EXPECT_FALSE(without.y.defined());
}

TEST(LatentModel, SaysWhatItLacks) {
  Doubler model(0);
  EXPECT_THAT(refusal([&] { model.encode({}, {}); }), HasSubstr("doubler.safetensors: the model has no encoder"));
  EXPECT_THAT(refusal([&] { model.features({}); }), HasSubstr("doubler.safetensors: the model has no discriminator"));
}

}  // namespace
}  // namespace obverse
