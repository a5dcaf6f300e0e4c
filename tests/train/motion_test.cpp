#include "obverse/train/motion.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "obverse/core/rng.h"

namespace obverse {
namespace {

// After forty looks at samples whose place at look t is given, times a fixed direction.
Motion::Swing after(const std::function<at::Tensor(int)>& place) {
  Motion motion;
  std::optional<Motion::Swing> swing;
  for (int t = 0; t < 40; ++t) swing = motion.look(place(t));
  return swing.value();
}

struct Samples {
  Rng rng = Rng(1);
  at::Tensor x = rng.normal({16, 1, 20, 24}), direction = rng.normal({16, 1, 20, 24}),
             other = rng.normal({16, 1, 20, 24});
};

TEST(Motion, KnowsACircleWithItsPeriodAndSize) {
  Samples s;
  for (const int period : {2, 8, 16}) {
    const Motion::Swing swing = after([&](int t) {
      const double angle = 2 * M_PI * (t + 0.25) / period;
      return s.x + 0.5 * std::cos(angle) * s.direction + 0.5 * std::sin(angle) * s.other;
    });
    EXPECT_NEAR(swing.period, period, period == 2 ? 0 : 2);
    EXPECT_NEAR(swing.size, 0.5, 0.15);
  }
}

TEST(Motion, TakesNeitherDriftNorJitterNorRestForAnOscillation) {
  Samples s;
  Rng rng(2);
  EXPECT_EQ(after([&](int t) { return s.x + 0.1 * t * s.direction; }).period, 0);
  EXPECT_EQ(after([&](int) { return s.x + 0.3 * rng.normal(s.x.sizes()); }).period, 0);
  EXPECT_EQ(after([&](int t) { return s.x + std::pow(0.9, t) * s.direction; }).period, 0);
  const Motion::Swing rest = after([&](int) { return s.x; });
  EXPECT_EQ(rest.period, 0);
  EXPECT_EQ(rest.size, 0);
}

TEST(Motion, GoesOnFromItsPlaces) {
  Samples s;
  Motion whole, first, second;
  std::optional<Motion::Swing> expected, found;
  for (int t = 0; t < 30; ++t) {
    const at::Tensor x = s.x + std::sin(t) * s.direction;
    expected = whole.look(x);
    found = (t < 15 ? first : second).look(x);
    if (t == 14) second.set_places(first.places());
  }
  ASSERT_TRUE(expected && found);
  EXPECT_EQ(expected->period, found->period);
  EXPECT_EQ(expected->size, found->size);
}

}  // namespace
}  // namespace obverse
