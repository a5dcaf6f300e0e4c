#include "obverse/train/stopping.h"

#include <gtest/gtest.h>

namespace obverse {
namespace {

// Means up to 2 kimg: 9, 7, 5; their median is 7.
const std::vector<MeasuredCurve> kCompleted = {
    {{1, 10}, {2, 8}, {3, 1}}, {{1, 8}, {2, 6}, {3, 1}}, {{1, 6}, {2, 4}, {3, 1}}};

TEST(Stopping, ATrialIsHopelessWhoseBestIsWorseThanTheMedianOfTheOthersMeans) {
  EXPECT_TRUE(hopeless({{1, 12}, {2, 7.1}}, kCompleted, false));
  EXPECT_FALSE(hopeless({{1, 12}, {2, 6.9}}, kCompleted, false));
  EXPECT_FALSE(hopeless({{1, 6.9}, {2, 20}}, kCompleted, false)) << "it was good once";
}

TEST(Stopping, GoesByTheSamePointOfTheRunAndTheMetricsDirection) {
  EXPECT_FALSE(hopeless({{1, 7.9}}, kCompleted, false)) << "at 1 kimg the others stood at 10, 8 and 6";
  EXPECT_TRUE(hopeless({{1, 8.1}}, kCompleted, false));
  EXPECT_TRUE(hopeless({{1, 7.9}}, kCompleted, true));
  EXPECT_FALSE(hopeless({{1, 8.1}}, kCompleted, true));
}

TEST(Stopping, NothingIsStoppedBeforeThreeHaveCompletedOrBeforeAnythingIsMeasured) {
  EXPECT_FALSE(hopeless({{2, 100}}, {kCompleted[0], kCompleted[1]}, false));
  EXPECT_FALSE(hopeless({}, kCompleted, false));
  EXPECT_FALSE(hopeless({{0.5, 100}}, kCompleted, false)) << "no measurement of the others is as early";
}

}  // namespace
}  // namespace obverse
