#include "obverse/metrics/wasserstein.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "obverse/io/npz.h"

namespace obverse {
namespace {

at::Tensor line(std::initializer_list<double> values) { return at::tensor(std::vector<double>(values), at::kDouble); }

TEST(Wasserstein, OnALineIsAsByHand) {
  EXPECT_DOUBLE_EQ(squared_wasserstein_1d(line({0, 3}), line({1, 5})), (1 + 4) / 2.0);
  // {0, 3} against {1, 2, 6}: pieces of 1/3, 1/6, 1/6, 1/3 with differences 1, 2, 1, 3.
  EXPECT_NEAR(squared_wasserstein_1d(line({0, 3}), line({1, 2, 6})), 1 / 3.0 + 4 / 6.0 + 1 / 6.0 + 9 / 3.0, 1e-12);
}

TEST(Wasserstein, OfUnequalSizesAgreesWithNumPyOnRepeatedSamples) {
  const NamedTensors f = read_npz(OBVERSE_SOURCE_DIR "/tests/fixtures/metrics.npz");
  const at::Tensor x = find_tensor(f, "real", "fixture").slice(1, 0, 1),
                   y = find_tensor(f, "fake", "fixture").slice(1, 0, 1);
  Rng rng(1);
  EXPECT_NEAR(sliced_wasserstein(x, y, 3, false, rng).value, find_tensor(f, "w2", "fixture").item<double>(), 1e-10);
}

TEST(SlicedWasserstein, OfAShiftIsItsLengthOverTheRootOfTheDimensions) {
  // E (shift . direction)^2 = |shift|^2 / F.
  Rng rng(2);
  const at::Tensor x = rng.normal({300, 5}), shift = at::tensor({3.0, 0.0, 0.0, 4.0, 0.0});
  EXPECT_NEAR(sliced_wasserstein(x, x + shift, 20'000, false, rng).value, 5 / std::sqrt(5.0), 0.02);
  EXPECT_NEAR(sliced_wasserstein(x, x.flip(0), 100, false, rng).value, 0, 1e-12);
}

TEST(SlicedWasserstein, ErrorIsTheSpreadWithoutEachTenth) {
  Rng draws(3);
  const at::Tensor x = draws.normal({40, 3}), y = draws.normal({30, 3}) + 1;
  const auto measure = [&](const at::Tensor& samples, bool error) {
    Rng rng(4);
    return sliced_wasserstein(x, samples, 7, error, rng);
  };
  double sum = 0, squares = 0;
  for (int64_t g = 0; g < 10; ++g) {
    const double value = measure(at::cat({y.slice(0, 0, 3 * g), y.slice(0, 3 * g + 3)}), false).value;
    sum += value / 10;
    squares += value * value;
  }
  EXPECT_NEAR(measure(y, true).standard_error, std::sqrt(0.9 * (squares - 10 * sum * sum)), 1e-9);
  EXPECT_DOUBLE_EQ(measure(y, true).value, measure(y, false).value);
}

}  // namespace
}  // namespace obverse
