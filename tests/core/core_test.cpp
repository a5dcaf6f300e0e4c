#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "obverse/core/autograd.h"
#include "obverse/core/engine.h"
#include "obverse/core/named_tensors.h"
#include "obverse/core/placement.h"
#include "obverse/core/rng.h"
#include "obverse/core/table.h"
#include "obverse/core/terms.h"
#include "tests/refusal.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;
using ::testing::HasSubstr;

struct Row {
  std::string name;
};
const std::vector<Row> kRows = {{"hinge"}, {"wasserstein"}, {"minimax"}};

TEST(Table, AnUnknownNameIsAnsweredWithTheNearestAndTheListOfKnownOnes) {
  const std::string message = refusal([] { find_row(kRows, "loss", "hinj"); });
  EXPECT_EQ(message, "unknown loss 'hinj': did you mean 'hinge'? (known: hinge, wasserstein, minimax)");
  EXPECT_THAT(refusal([] { find_row(kRows, "loss", "xyzzyplugh"); }), Not(HasSubstr("did you mean")));
  EXPECT_EQ(find_row(kRows, "loss", "minimax").name, "minimax");
}

TEST(Rng, TheSameSeedPurposeAndRankGiveTheSameStreamAndOthersDoNot) {
  const at::Tensor x = Rng(1, "latents", 0).normal({8});
  EXPECT_TRUE(at::equal(x, Rng(1, "latents", 0).normal({8})));
  EXPECT_FALSE(at::equal(x, Rng(2, "latents", 0).normal({8})));
  EXPECT_FALSE(at::equal(x, Rng(1, "data order", 0).normal({8})));
  EXPECT_FALSE(at::equal(x, Rng(1, "latents", 1).normal({8})));
}

TEST(Rng, GoesOnFromASavedState) {
  Rng rng(3);
  rng.normal({5});
  const at::Tensor state = rng.state();
  const at::Tensor next = rng.normal({7});
  Rng other(99);
  other.set_state(state);
  EXPECT_TRUE(at::equal(other.normal({7}), next));
}

TEST(Rng, ALatentOfASeedDoesNotDependOnItsNeighbours) {
  EXPECT_TRUE(at::equal(seeded_normal(5, {64}), seeded_normal(5, {64})));
  EXPECT_FALSE(at::equal(seeded_normal(5, {64}), seeded_normal(6, {64})));
}

TEST(Rng, EvenNumbersAreNormalOneByOneAndTogetherMoreEvenThanIndependentOnes) {
  constexpr int64_t kSize = 80, kBatches = 400;
  for (const int64_t dims : {1, 2, 5}) {
    Rng rng(dims);
    std::vector<at::Tensor> batches, means;
    for (int64_t i = 0; i < kBatches; ++i) {
      batches.push_back(rng.even_normal(kSize, dims));
      means.push_back(batches.back().mean(0));
    }
    const at::Tensor all = at::cat(batches);
    ASSERT_EQ(all.sizes(), at::IntArrayRef({kSize * kBatches, dims}));
    for (const double quantile : {-2.0, -1.0, 0.0, 0.5, 1.5}) {
      const double share = all.lt(quantile).to(at::kDouble).mean().item<double>();
      EXPECT_NEAR(share, 0.5 * std::erfc(-quantile * std::sqrt(0.5)), 0.003) << dims;
    }
    const double independent = 1 / std::sqrt(static_cast<double>(kSize));
    EXPECT_LT(at::stack(means).std().item<double>(), independent * 0.6) << dims;
  }
}

TEST(Terms, AddUpAndWatchedValuesDoNot) {
  Terms terms;
  terms.add("main", at::full({}, 2.0));
  terms.add("r1", at::full({}, 0.5));
  terms.watch("scores/real", 100.0);
  EXPECT_DOUBLE_EQ(terms.total().item<double>(), 2.5);
}

TEST(Gradients, OfAnUnusedInputAreZero) {
  const at::Tensor a = at::full({2}, 3.0).set_requires_grad(true), b = at::ones({3}).set_requires_grad(true);
  const auto g = gradients(a.square().sum(), {a, b});
  EXPECT_TRUE(at::equal(g[0], at::full({2}, 6.0)));
  EXPECT_TRUE(at::equal(g[1], at::zeros({3})));
}

TEST(NamedTensors, NothingIsCopiedWhenAnythingDoesNotFit) {
  const NamedTensors target = {{"a", at::zeros({2})}, {"b", at::zeros({3})}};
  const NamedTensors wrong = {{"a", at::ones({2})}, {"b", at::ones({4})}};
  EXPECT_EQ(refusal([&] { copy_named(target, wrong, "m.safetensors"); }),
            "m.safetensors: tensor 'b' is [4] Float, the model needs [3] Float");
  EXPECT_TRUE(at::equal(target[0].second, at::zeros({2})));
  EXPECT_THAT(refusal([&] { copy_named(target, {{"a", at::ones({2})}}, "m"); }), HasSubstr("'b' is missing"));
  EXPECT_THAT(refusal([&] {
                copy_named({target[0]}, {{"a", at::ones({2})}, {"c", at::ones({1})}}, "m");
              }),
              HasSubstr("holds 2 tensors, the model has 1"));
}

TEST(Placement, NamesAreChecked) {
  EXPECT_EQ(choose_placement("float32").compute, c10::kFloat);
  EXPECT_EQ(choose_placement("bfloat16").compute, c10::kBFloat16);
  EXPECT_THAT(refusal([] { choose_placement("fp8"); }), HasSubstr("unknown precision 'fp8'"));
}

TEST(Engine, NamesItsKernelsInOneLine) {
  const std::string line = engine_summary();
  EXPECT_THAT(line, HasSubstr("LibTorch"));
  EXPECT_THAT(line, HasSubstr(processor_has_tiles()      ? "matrix units"
                              : processor_has_bfloat16() ? "vector units"
                                                         : "no bfloat16"));
  EXPECT_EQ(line.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace obverse
