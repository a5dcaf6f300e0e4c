#include <ATen/ATen.h>

#include <algorithm>
#include <array>

#include "obverse/core/error.h"
#include "obverse/metrics/bins.h"
#include "obverse/metrics/jackknife.h"
#include "obverse/metrics/kernel.h"
#include "obverse/metrics/measure.h"
#include "obverse/metrics/two_sample.h"
#include "obverse/metrics/wasserstein.h"

namespace obverse {
namespace {

const char* const kJackknife = "jackknife over ten groups of generated samples, none repeated";

// A distance with its jackknife error e: never below 0.
Value distance(std::string label, double value, double error) {
  const double half = Jackknife::kStudent * error;
  return {std::move(label), value, std::max(0.0, value - half), value + half, kJackknife, false, {}};
}

double frechet_error(const Moments& real, const at::Tensor& factor, const at::Tensor& fake) {
  const int64_t n = fake.size(0);
  std::array<Moments, Jackknife::kGroups> groups;
  for (int64_t g = 0; g < Jackknife::kGroups; ++g)
    groups[g].add(fake.slice(0, Jackknife::first(g, n), Jackknife::first(g + 1, n)));
  return Jackknife::error([&](int64_t left_out) {
    Moments rest;
    for (int64_t g = 0; g < Jackknife::kGroups; ++g)
      if (g != left_out) rest.add(groups[g]);
    return frechet_distance(real, factor, rest);
  });
}

Value subset_mean(const std::string& label, const Comparison& c, const Kernel& kernel) {
  Rng rng(c.seed, label + " subsets");
  const KernelDistance d = kernel_distance(c.real.features(), c.fake, kernel, {}, rng);
  const std::string how = fmt::format("normal, from the spread of {} subsets of {}", d.subsets, d.subset_size);
  return normal(label, d.value, d.standard_error, how, false);
}

}  // namespace

Value fid_value(const Moments& real, const at::Tensor& factor, const at::Tensor& fake, bool interval) {
  Moments moments;
  moments.add(fake);
  const double value = frechet_distance(real, factor, moments);
  if (!interval || fake.size(0) < 10 * Jackknife::kGroups) return plain("fid", value, false);
  return distance("fid", value, frechet_error(real, factor, fake));
}

Measured measure_fid(const Comparison& c) {
  return {{fid_value(c.real.moments(), c.real.factor(), c.fake, c.interval)}, c.real.moments().count()};
}

Measured measure_fid_infinity(const Comparison& c) {
  Rng rng(c.seed, "fid_infinity draws");
  const FrechetLimit limit = frechet_limit(c.real.moments(), c.real.factor(), c.fake, c.interval, rng);
  Value value = plain("fid infinity", limit.value, false);
  if (c.interval) {
    const double error = limit.standard_error * Jackknife::kStudent / kNormal;  // from ten values
    value = normal("fid infinity", limit.value, error, kJackknife, false);
  }
  return {{value}, c.real.moments().count()};
}

Measured measure_kid(const Comparison& c) { return {{subset_mean("kid", c, cubic_kernel())}, c.real.train().size()}; }

Measured measure_mmd(const Comparison& c) {
  // The width belongs to the reference: the same for every generator and seed.
  const double width = median_distance(c.real.draw(std::min<int64_t>(1000, c.real.train().size()), 0));
  return {{subset_mean("mmd", c, rbf_kernel(width))}, c.real.train().size()};
}

Measured measure_swd(const Comparison& c) {
  constexpr int64_t kDirections = 1000;
  const at::Tensor real = real_sample(c);
  const bool error = c.interval && c.fake.size(0) >= 10 * Jackknife::kGroups;
  Rng rng(c.seed, "directions");
  const SlicedWasserstein found = sliced_wasserstein(real, c.fake, kDirections, error, rng);
  if (!error) return {{plain("swd", found.value, false)}, real.size(0)};
  return {{distance("swd", found.value, found.standard_error)}, real.size(0)};
}

Measured measure_c2st(const Comparison& c) {
  Rng rng(c.seed, "two-sample test");
  const at::Tensor real = real_sample(c);
  const TwoSampleTest test = classifier_test(real, c.fake, rng);
  Value accuracy = share("c2st", test.accuracy, test.held_out);
  accuracy.higher_is_better = false;
  return {{accuracy, plain("p value", test.p_value, true)}, real.size(0)};
}

Measured measure_ndb(const Comparison& c) {
  constexpr int64_t kBins = 100;
  Rng rng(0, "bins");  // the reference's: the same for every generator and seed
  const at::Tensor& real = c.real.features();
  const at::Tensor centres = k_means(real, kBins, rng);
  const BinDifference found = compare_bins(at::bincount(nearest_centre(real, centres), {}, kBins),
                                           at::bincount(nearest_centre(c.fake, centres), {}, kBins));
  return {{plain("ndb", found.different, false), plain("jsd", found.jensen_shannon, false)}, real.size(0)};
}

}  // namespace obverse
