#include "obverse/metrics/frechet.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "obverse/core/error.h"
#include "obverse/core/rng.h"
#include "obverse/io/npz.h"
#include "obverse/metrics/scatter.h"
#include "tests/refusal.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;

NamedTensors fixture() { return read_npz(OBVERSE_SOURCE_DIR "/tests/fixtures/metrics.npz"); }

Moments moments(const at::Tensor& x) {
  Moments result;
  result.add(x);
  return result;
}

at::Tensor draws(uint64_t seed, int64_t n, int64_t width) {
  return Rng(seed, "test").normal({n, width}).to(at::kDouble);
}

// Samples whose mean and covariance are exactly 0 and the identity.
at::Tensor whitened(uint64_t seed, int64_t n, int64_t width) {
  const at::Tensor x = draws(seed, n, width), centred = x - x.mean(0);
  return std::get<0>(at::linalg_qr(centred)) * std::sqrt(static_cast<double>(n - 1));
}

TEST(Frechet, OfTwoPairsOfNumbersIsAsByHand) {
  // Means 1 and 4, standard deviations sqrt(2) and sqrt(8): (1 - 4)^2 + (sqrt(8) - sqrt(2))^2 = 9 + 2.
  const auto a = moments(at::tensor({0.0, 2.0}, at::kDouble).view({2, 1}));
  const auto b = moments(at::tensor({2.0, 6.0}, at::kDouble).view({2, 1}));
  EXPECT_NEAR(frechet_distance(a, b), 11, 1e-12);
}

TEST(Frechet, OfGaussiansThatCommuteIsTheDistanceOfMeansAndOfStandardDeviations) {
  const at::Tensor scale = at::tensor({1.0, 2.0, 5.0}, at::kDouble), shift = at::tensor({3.0, 0.0, -4.0}, at::kDouble);
  const at::Tensor x = whitened(1, 200, 3);
  EXPECT_NEAR(frechet_distance(moments(x), moments(x * scale + shift)), 25 + 0 + 1 + 16, 1e-10);
}

TEST(Frechet, AgreesWithSciPy) {
  const NamedTensors f = fixture();
  const double expected = find_tensor(f, "fid", "fixture").item<double>();
  const double measured =
      frechet_distance(moments(find_tensor(f, "real", "fixture")), moments(find_tensor(f, "fake", "fixture")));
  EXPECT_NEAR(measured / expected, 1, 1e-6);  // float64; the reference's matrix root is good to about 1e-8
}

TEST(Frechet, FromItselfIsZeroAlsoWhenTheCovarianceIsSingular) {
  const at::Tensor narrow = draws(2, 500, 4);
  const at::Tensor x = at::cat({narrow, narrow.slice(1, 0, 2) * 3, at::zeros({500, 2}, at::kDouble)}, 1);
  EXPECT_NEAR(frechet_distance(moments(x), moments(x)), 0, 1e-6);
}

TEST(Frechet, OfFewerSamplesThanFeaturesIsFinite) {
  const double distance = frechet_distance(moments(draws(3, 20, 50)), moments(draws(4, 30, 50)));
  EXPECT_TRUE(std::isfinite(distance));
  EXPECT_GT(distance, 0);
}

TEST(Frechet, IsSymmetricAndBlindToOrderAndRotation) {
  const at::Tensor x = draws(5, 300, 6), y = draws(6, 200, 6) * 1.5 + 0.3;
  const double distance = frechet_distance(moments(x), moments(y));
  const at::Tensor rotation = std::get<0>(at::linalg_qr(draws(7, 6, 6)));
  EXPECT_NEAR(frechet_distance(moments(y), moments(x)), distance, 1e-10);
  EXPECT_NEAR(frechet_distance(moments(x.flip(0)), moments(y.flip(0))), distance, 1e-10);
  EXPECT_NEAR(frechet_distance(moments(x.mm(rotation)), moments(y.mm(rotation))), distance, 1e-10);
}

TEST(FrechetLimit, RemovesTheBiasOfFewSamples) {
  // Two draws of one distribution: the distance of N samples is about c / N, its limit that of the reference alone.
  const Moments reference = moments(draws(1, 200'000, 30));
  const at::Tensor factor = covariance_factor(reference.covariance());
  Rng rng(2);
  double of_sets = 0, limits = 0, error = 0;
  for (uint64_t seed = 10; seed < 15; ++seed) {
    const at::Tensor fake = draws(seed, 2000, 30);
    const FrechetLimit limit = frechet_limit(reference, factor, fake, /*error=*/true, rng);
    of_sets += frechet_distance(reference, factor, moments(fake)) / 5;
    limits += limit.value / 5;
    error += limit.standard_error / 5;
  }
  EXPECT_GT(of_sets, 0.1);
  EXPECT_LT(std::abs(limits), 0.1 * of_sets);
  EXPECT_LT(std::abs(limits), 3 * error);
}

TEST(FrechetLimit, IsTheAnalyticDistanceOfTwoGaussians) {
  // N(0, 1) and N(0.5, 1.5^2) in 5 dimensions: 5 (0.25 + 0.25).
  const Moments reference = moments(draws(1, 200'000, 5));
  Rng rng(3);
  const FrechetLimit limit = frechet_limit(reference, covariance_factor(reference.covariance()),
                                           draws(2, 5000, 5) * 1.5 + 0.5, /*error=*/true, rng);
  EXPECT_NEAR(limit.value, 2.5, 4 * limit.standard_error);
  EXPECT_LT(limit.standard_error, 0.2);
  EXPECT_THROW(frechet_limit(reference, {}, draws(2, 39, 5), false, rng), UserError);
}

TEST(Moments, AreNumpysMeanAndCovarianceWhateverTheSlices) {
  const NamedTensors f = fixture();
  const at::Tensor real = find_tensor(f, "real", "fixture");
  Moments sliced;
  for (const at::Tensor& part : real.split(77)) sliced.add(part);
  Moments merged = moments(real.slice(0, 0, 130));
  merged.add(moments(real.slice(0, 130)));
  for (const Moments& m : {moments(real), sliced, merged}) {
    EXPECT_EQ(m.count(), real.size(0));
    EXPECT_TRUE(at::allclose(m.mean(), find_tensor(f, "mean", "fixture"), 1e-12, 1e-13));
    EXPECT_TRUE(at::allclose(m.covariance(), find_tensor(f, "covariance", "fixture"), 1e-12, 1e-13));
  }
}

TEST(Moments, KeepTheirDigitsFarFromZero) {
  const at::Tensor x = draws(8, 1000, 3);
  Moments far;
  for (const at::Tensor& part : (x + 1e6).split(100)) far.add(part);
  EXPECT_TRUE(at::allclose(far.covariance(), moments(x).covariance(), 1e-8, 1e-8));
}

// Differences in units of what the diagonal gives both columns.
at::Tensor relative_error(const MeanAndScatter& found, const MeanAndScatter& plain) {
  const at::Tensor size = plain.matrix.diagonal().sqrt();
  return ((found.matrix - plain.matrix) / at::outer(size, size)).abs();
}

TEST(Scatter, OnMatrixUnitsIsExactForIntegers) {
  if (!has_byte_tiles()) GTEST_SKIP() << "no matrix units";
  // Whole numbers of mean 0 whose greatest is 8,355,711: steps of 1, in every digit; more rows than one slice, widths
  // that fill no tile.
  for (const int64_t width : {1, 37, 300}) {
    const at::Tensor half = Rng(1).uniform({700, width}).mul(8'355'711).round();
    half[0].fill_(8'355'711);
    const at::Tensor x = at::cat({half, -half});
    const MeanAndScatter found = tile_scatter_of(x), plain = plain_scatter_of(x);
    EXPECT_TRUE(at::equal(found.mean, plain.mean)) << width;
    EXPECT_LT(relative_error(found, plain).max().item<double>(), 1e-13) << width;  // float64's own rounding
  }
}

TEST(Scatter, OnMatrixUnitsLosesNoMoreThanRoundingToTwentyFourBits) {
  if (!has_byte_tiles()) GTEST_SKIP() << "no matrix units";
  const at::Tensor scale = (2 * Rng(2).normal({300})).exp(), heavy = Rng(3).normal({1500, 300}).pow(3);
  for (const at::Tensor& x : {Rng(4).normal({1500, 300}), heavy * scale, at::relu(heavy) + 100 * scale}) {
    const MeanAndScatter found = tile_scatter_of(x), plain = plain_scatter_of(x);
    EXPECT_TRUE(at::allclose(found.mean, plain.mean, 1e-12, 1e-12));
    // Half a step in every row at worst (Cauchy and Schwarz).
    const at::Tensor reach = std::get<0>((x - plain.mean).abs().max(0)), std = (plain.matrix.diagonal() / 1500).sqrt();
    const at::Tensor half_step = reach / 8'355'711 / 2 / std;
    EXPECT_TRUE((relative_error(found, plain) < 1.001 * (half_step + half_step.unsqueeze(1))).all().item<bool>());
    EXPECT_TRUE(at::equal(found.matrix, found.matrix.t()));
    EXPECT_GT(at::linalg_eigvalsh(found.matrix).min().item<double>(), 0);
  }
  const at::Tensor flat = at::full({300, 20}, 0.3);
  EXPECT_LT(tile_scatter_of(flat).matrix.abs().max().item<double>(), 1e-20);
}

TEST(Frechet, OfWideNearlySingularFeaturesIsTheSameOnMatrixUnits) {
  if (!has_byte_tiles()) GTEST_SKIP() << "no matrix units";
  // Three hundred features of forty directions, rectified, with little noise: the least eigenvalues are 1e-8 of the
  // greatest.
  const at::Tensor mixing = Rng(5).normal({40, 300});
  const auto features = [&](uint64_t seed, double shift) {
    const at::Tensor z = Rng(seed).normal({2000, 40});
    return at::relu(z.mm(mixing) + shift) + 1e-3 * Rng(seed, "noise").normal({2000, 300});
  };
  const at::Tensor x = features(6, 0), y = features(7, 0.05);
  const double fast = frechet_distance(moments(x), moments(y));
  const double plain = frechet_distance(moments(x.to(at::kDouble)), moments(y.to(at::kDouble)));
  EXPECT_NEAR(fast / plain, 1, 1e-6);
}

TEST(Statistics, OfAFileGiveTheDistanceOfItsSamples) {
  const std::string path = ::testing::TempDir() + "statistics.npz";
  const at::Tensor x = draws(1, 300, 4), y = draws(2, 200, 4) * 2 + 1;
  write_npz(path, {{"mu", moments(x).mean()}, {"sigma", moments(x).covariance()}});
  EXPECT_TRUE(is_statistics(path));
  EXPECT_NEAR(frechet_distance(read_statistics(path), moments(y)), frechet_distance(moments(x), moments(y)), 1e-10);
  write_npz(path, {{"mu", at::zeros({3})}, {"sigma", at::eye(4)}});
  EXPECT_THROW(read_statistics(path), UserError);
  write_npz(path, {{"mu", at::zeros({2})}, {"sigma", at::tensor({1.0, 2.0, 0.0, 1.0}).view({2, 2})}});
  EXPECT_THROW(read_statistics(path), UserError);
  write_npz(path, {{"mu", at::zeros({2})}, {"sigma", at::tensor({1.0, 2.0, 2.0, 1.0}).view({2, 2})}});
  EXPECT_THAT(refusal([&] { read_statistics(path); }), ::testing::HasSubstr("eigenvalue -1"));
  write_npz(path, {{"arr_0", at::zeros({3})}});
  EXPECT_FALSE(is_statistics(path));
  EXPECT_THROW(read_statistics(path), UserError);
}

TEST(Moments, RefuseOneSampleNotANumberAndUnlikeWidths) {
  EXPECT_THAT(refusal([] { moments(at::ones({1, 3})).covariance(); }), ::testing::HasSubstr("at least two samples"));
  const at::Tensor broken = at::full({4, 2}, std::numeric_limits<double>::quiet_NaN());
  EXPECT_THAT(refusal([&] { moments(broken); }), ::testing::HasSubstr("not finite"));
  EXPECT_THAT(refusal([] { frechet_distance(moments(draws(1, 9, 2)), moments(draws(1, 9, 3))); }),
              ::testing::HasSubstr("2 and 3 numbers"));
}

}  // namespace
}  // namespace obverse
