#include "obverse/train/adam.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace obverse {
namespace {

at::Tensor weight(double value) { return at::full({1}, value).set_requires_grad(true); }

// With beta1 = 0.5, beta2 = 0.9, lr = 0.1 and gradients 2 then -1:
// m1 = 1, v1 = 0.4; corrected 2 and 4: step 0.1 * 2 / 2 = 0.1.
// m2 = 0, v2 = 0.46: step 0.
// gradient 4: m3 = 2, v3 = 0.9 * 0.46 + 1.6 = 2.014; corrected 2 / 0.875 and 2.014 / 0.271.
TEST(Adam, FollowsTheAlgorithmByHand) {
  OptimiserOptions options;
  options.lr = 0.1;
  options.beta1 = 0.5;
  options.beta2 = 0.9;
  at::Tensor w = weight(1);
  Adam adam({{"w", w}}, options);
  const auto step = [&](double g) {
    w.mutable_grad() = at::full({1}, g);
    EXPECT_DOUBLE_EQ(adam.step(0), std::abs(g));
    return w.item<double>();
  };
  EXPECT_NEAR(step(2), 0.9, 1e-6);
  EXPECT_NEAR(step(-1), 0.9, 1e-6);
  EXPECT_NEAR(step(4), 0.9 - 0.1 * (2 / 0.875) / std::sqrt(2.014 / 0.271), 1e-6);
}

TEST(Adam, SkipsAParameterWithoutGradientAndKeepsItsStepCount) {
  at::Tensor moving = weight(1), still = weight(1);
  Adam adam({{"moving", moving}, {"still", still}}, {});
  moving.mutable_grad() = at::ones({1});
  adam.step(0);
  EXPECT_EQ(still.item<double>(), 1);
  EXPECT_EQ(find_tensor(adam.state(""), "moving.steps", "").item<int64_t>(), 1);
  EXPECT_EQ(find_tensor(adam.state(""), "still.steps", "").item<int64_t>(), 0);
}

TEST(Adam, ClipsWeightsAfterTheStep) {
  OptimiserOptions options;
  options.lr = 0.1;
  options.clip_weights = 0.05;
  at::Tensor w = at::tensor({0.04F, -0.3F, 0.3F}).set_requires_grad(true);
  Adam adam({{"w", w}}, options);
  w.mutable_grad() = at::tensor({0.0F, 1.0F, 1.0F});
  adam.step(0);
  EXPECT_TRUE(at::equal(w.detach(), at::tensor({0.04F, -0.05F, 0.05F})));
}

// A training that stops after two optimistic steps and goes on from the saved state takes the same third step.
TEST(Adam, RemembersTheStepBeforeInItsStateWhenOptimistic) {
  at::Tensor w = weight(1), again = weight(1);
  Adam adam({{"w", w}}, {}, true), resumed({{"w", again}}, {}, true);
  const auto step = [](Adam& optimiser, at::Tensor& x, double g) {
    x.mutable_grad() = at::full({1}, g);
    optimiser.step(0);
  };
  step(adam, w, 2), step(adam, w, -1);
  copy_named(resumed.state(""), adam.state(""), "test");
  again.detach().copy_(w.detach());
  step(adam, w, 0.5), step(resumed, again, 0.5);
  EXPECT_EQ(w.item<double>(), again.item<double>());
}

TEST(Adam, ScheduledStepSizeAndFactorMultiply) {
  OptimiserOptions options;
  options.lr = Schedule(1.0, 0.0, 1.0, "linear");
  Adam adam({}, options);
  adam.lr_factor = 0.5;
  EXPECT_DOUBLE_EQ(adam.lr(0.25), 0.375);
}

TEST(Adam, UpdatesAWeightOfAnyMemoryLayoutLikeAContiguousOne) {
  const at::Tensor start = at::arange(24, at::kFloat).view({2, 3, 2, 2}), g = (start - 11).cos();
  at::Tensor plain = start.clone().set_requires_grad(true);
  at::Tensor last = start.clone(at::MemoryFormat::ChannelsLast).set_requires_grad(true);
  Adam a({{"w", plain}}, {}), b({{"w", last}}, {});
  for (int i = 0; i < 3; ++i) {
    plain.mutable_grad() = g * (i + 1);
    last.mutable_grad() = g * (i + 1);
    a.step(0), b.step(0);
  }
  EXPECT_TRUE(at::equal(plain, last));
}

}  // namespace
}  // namespace obverse
