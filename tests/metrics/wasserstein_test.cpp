#include "obverse/metrics/wasserstein.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "obverse/io/npz.h"

namespace obverse {
namespace {

at::Tensor row(std::initializer_list<double> values) {
  return at::tensor(std::vector<double>(values), at::kDouble).unsqueeze(0);
}

TEST(Wasserstein, OnALineIsAsByHand) {
  EXPECT_DOUBLE_EQ(squared_wasserstein_1d(row({3, 0}), row({1, 5})).item<double>(), (1 + 4) / 2.0);
  // {0, 3} against {1, 2, 6}: pieces of 1/3, 1/6, 1/6, 1/3 with differences 1, 2, 1, 3.
  EXPECT_NEAR(squared_wasserstein_1d(row({0, 3}), row({2, 6, 1})).item<double>(), 1 / 3.0 + 4 / 6.0 + 1 / 6.0 + 9 / 3.0,
              1e-12);
}

TEST(Wasserstein, OfUnequalSizesAgreesWithNumPyOnRepeatedSamples) {
  const NamedTensors f = read_npz(OBVERSE_SOURCE_DIR "/tests/fixtures/metrics.npz");
  const at::Tensor x = find_tensor(f, "real", "fixture").slice(1, 0, 1),
                   y = find_tensor(f, "fake", "fixture").slice(1, 0, 1);
  Rng rng(1);
  EXPECT_NEAR(sliced_wasserstein(x, y, 3, rng), find_tensor(f, "w2", "fixture").item<double>(), 1e-10);
}

TEST(SlicedWasserstein, OfAShiftIsItsLengthOverTheRootOfTheDimensions) {
  // E (shift . direction)^2 = |shift|^2 / F.
  Rng rng(2);
  const at::Tensor x = rng.normal({300, 5}), shift = at::tensor({3.0, 0.0, 0.0, 4.0, 0.0});
  EXPECT_NEAR(sliced_wasserstein(x, x + shift, 20'000, rng), 5 / std::sqrt(5.0), 0.02);
  EXPECT_NEAR(sliced_wasserstein(x, x.flip(0), 100, rng), 0, 1e-12);
}

}  // namespace
}  // namespace obverse
