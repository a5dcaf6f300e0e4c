#include "obverse/metrics/two_sample.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "obverse/core/error.h"

namespace obverse {
namespace {

TEST(ClassifierTest, ReachesTheBestPossibleAccuracyBetweenShiftedGaussians) {
  Rng rng(1);
  const at::Tensor x = rng.normal({4000, 4}), y = rng.normal({5000, 4}) + 0.5;  // |shift| = 1
  const TwoSampleTest test = classifier_test(x, y, rng);
  EXPECT_EQ(test.held_out, 4000);
  EXPECT_NEAR(test.accuracy, 0.6915, 0.03);  // Phi(|shift| / 2)
  EXPECT_LT(test.p_value, 1e-6);
}

TEST(ClassifierTest, SeesADifferenceThatNoHyperplaneShows) {
  Rng rng(2);
  const TwoSampleTest test = classifier_test(rng.normal({3000, 2}), 3 * rng.normal({3000, 2}), rng);
  EXPECT_GT(test.accuracy, 0.7);
}

TEST(ClassifierTest, RejectsEqualDistributionsAsOftenAsItsLevelSays) {
  Rng rng(3);
  int rejected = 0;
  for (int i = 0; i < 100; ++i)
    rejected += classifier_test(rng.normal({100, 3}), rng.normal({100, 3}), rng).p_value < 0.1;
  EXPECT_GE(rejected, 2);  // 10 expected, standard deviation 3
  EXPECT_LE(rejected, 19);
  EXPECT_THROW(classifier_test(rng.normal({7, 3}), rng.normal({9, 3}), rng), UserError);
}

}  // namespace
}  // namespace obverse
