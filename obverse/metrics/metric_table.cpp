#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/error.h"
#include "obverse/metrics/classes.h"
#include "obverse/metrics/evaluate.h"
#include "obverse/metrics/kernel.h"
#include "obverse/metrics/modes.h"
#include "obverse/metrics/neighbours.h"

namespace obverse {
namespace {

const double kNone = std::nan("");
constexpr double kNormal = 1.959964;    // two-sided 95 % of the normal distribution
constexpr int64_t kGroups = 10;         // of the jackknife
constexpr double kStudent9 = 2.262157;  // two-sided 95 %, 9 degrees of freedom

Value plain(std::string label, double value, bool higher_is_better) {
  return {std::move(label), value, kNone, kNone, "none", higher_is_better, {}};
}

// Wilson's interval (1927) of a share of n.
Value share(std::string label, double p, int64_t n) {
  const double z2 = kNormal * kNormal, count = static_cast<double>(n);
  const double centre = (p + z2 / (2 * count)) / (1 + z2 / count);
  const double half = kNormal / (1 + z2 / count) * std::sqrt(p * (1 - p) / count + z2 / (4 * count * count));
  return {std::move(label), p, centre - half, centre + half, "Wilson, samples taken as independent", true, {}};
}

// The distances that result when each tenth of the generated samples is left out in turn. Draws with replacement would
// be wrong here: copies shrink a covariance.
double jackknife_error(Reference& real, const at::Tensor& fake) {
  std::vector<Moments> groups(kGroups);
  for (int64_t g = 0; g < kGroups; ++g)
    groups[g].add(fake.slice(0, g * fake.size(0) / kGroups, (g + 1) * fake.size(0) / kGroups));
  std::vector<double> distances;
  for (int64_t left_out = 0; left_out < kGroups; ++left_out) {
    Moments rest;
    for (int64_t g = 0; g < kGroups; ++g)
      if (g != left_out) rest.add(groups[g]);
    distances.push_back(frechet_distance(real.moments(), real.factor(), rest));
  }
  double mean = 0, squares = 0;
  for (const double d : distances) mean += d / kGroups;
  for (const double d : distances) squares += (d - mean) * (d - mean);
  return std::sqrt(squares * (kGroups - 1) / kGroups);
}

Measured measure_fid(const Comparison& c) {
  Moments fake;
  fake.add(c.fake);
  Value value = plain("fid", frechet_distance(c.real.moments(), c.real.factor(), fake), false);
  if (c.interval && c.fake.size(0) >= 10 * kGroups) {
    const double half = kStudent9 * jackknife_error(c.real, c.fake);
    value.low = std::max(0.0, value.value - half);
    value.high = value.value + half;
    value.interval = "jackknife over ten groups of generated samples, none repeated";
  }
  return {{value}, c.real.moments().count()};
}

Measured measure_kid(const Comparison& c) {
  Rng rng(c.seed, "kid subsets");
  const KernelDistance kid = kernel_distance(c.real.features(), c.fake, {}, rng);
  const double half = kNormal * kid.standard_error;
  const std::string how = fmt::format("normal, from the spread of {} subsets of {}", kid.subsets, kid.subset_size);
  return {{{"kid", kid.value, kid.value - half, kid.value + half, how, false, {}}}, c.real.train().size()};
}

// As many real samples as generated ones, or all there are.
at::Tensor real_sample(const Comparison& c) {
  return c.real.draw(std::min(c.fake.size(0), c.real.train().size()), c.seed);
}

Measured measure_pr(const Comparison& c) {
  const at::Tensor real = real_sample(c);
  const PrecisionRecall pr = precision_recall(real, c.fake);
  return {{share("precision", pr.precision, c.fake.size(0)), share("recall", pr.recall, real.size(0))}, real.size(0)};
}

Measured measure_dc(const Comparison& c) {
  const at::Tensor real = real_sample(c);
  const DensityCoverage dc = density_coverage(real, c.fake);
  const double half = kNormal * dc.density_error;
  const Value density = {"density",
                         dc.density,
                         dc.density - half,
                         dc.density + half,
                         "normal over generated samples, the real ones held fixed",
                         true,
                         {}};
  return {{density, share("coverage", dc.coverage, real.size(0))}, real.size(0)};
}

Measured measure_classes(const Comparison& c) {
  FeatureNetwork& network = c.real.network();
  const ClassShares found = class_shares(network.logits(c.fake).flatten(0, 1));
  const int64_t n = c.fake.size(0) * network.judged();
  Value smallest = share("smallest class", found.shares.min().item<double>(), n);
  Value largest = share("largest class", found.shares.max().item<double>(), n);
  largest.higher_is_better = false;
  const std::vector<std::string>& names = c.real.train().domain.classes;
  for (int64_t k = 0; k < found.shares.size(0) && k < 100; ++k) {
    const bool named = static_cast<int64_t>(names.size()) == found.shares.size(0);
    smallest.details.emplace_back(named ? names[k] : std::to_string(k), found.shares[k].item<double>());
  }
  return {{share("confident", found.confident, n), smallest, largest}, 0};
}

Measured mixture_values(const MixtureModes& m, const Mixture& mixture, int64_t n) {
  const at::Tensor ratios = m.stds / mixture.std;
  const at::Tensor known = ratios.masked_select(ratios.isfinite());
  Value narrowest = plain("narrowest std ratio", known.numel() ? known.min().item<double>() : kNone, true);
  Value widest = plain("widest std ratio", known.numel() ? known.max().item<double>() : kNone, false);
  for (int64_t k = 0; k < m.modes; ++k) narrowest.details.emplace_back(std::to_string(k), ratios[k].item<double>());
  return {{plain("modes", static_cast<double>(m.captured), true), share("high quality", m.high_quality, n),
           plain("reverse kl", m.reverse_kl, false), narrowest, widest},
          0};
}

Measured measure_modes(const Comparison& c) {
  const Dataset& train = c.real.train();
  if (train.domain.kind == Domain::Kind::points) {
    if (c.real.network().name != "coordinates")
      fail("modes: mixtures are judged by their coordinates: leave out --features");
    const Mixture mixture = mixture_of(train.name);
    return mixture_values(mixture_modes(c.fake, mixture), mixture, c.fake.size(0));
  }
  if (c.real.network().judged() < 2)
    fail("modes: counts the modes of ring, grid and stacked-mnist; {} has none that are known", train.name);
  const at::Tensor digits = c.real.network().logits(c.fake).argmax(2);
  const ClassModes m = stacked_modes(digits, c.real.network().classes());
  return {{plain("modes", static_cast<double>(m.captured), true), plain("kl", m.kl, false)}, 0};
}

bool always(Reference&) { return true; }

int64_t four(int64_t) { return 4; }

bool is_mixture(const Dataset& data) {
  if (data.domain.kind != Domain::Kind::points) return false;
  try {
    mixture_of(data.name);
    return true;
  } catch (const UserError&) {  // the answer to the question asked: not one of the mixtures
    return false;
  }
}

}  // namespace

const std::vector<MetricRow>& metric_table() {
  static const std::vector<MetricRow> table = {
      {"fid", "Heusel 2017: Fréchet distance of Gaussians fitted to features", "",
       "all training samples against the generated ones", true, [](int64_t dims) { return dims + 1; }, always,
       measure_fid},
      {"kid", "Binkowski 2018: squared MMD of features under a cubic kernel, unbiased", "",
       "all training samples against the generated ones; 100 subsets of 1000, or of half the smaller set", true, four,
       always, measure_kid},
      {"pr", "Kynkäänniemi 2019: precision and recall of manifolds of 3rd neighbours", "3",
       "as many training samples as generated ones, k = 3", false, four, always, measure_pr},
      {"dc", "Naeem 2020: density and coverage of balls of 5th neighbours", "5",
       "as many training samples as generated ones, k = 5", false, [](int64_t) { return int64_t{6}; }, always,
       measure_dc},
      {"classes", "the classifier's view: share of samples with a probability of 0.9 or more, shares of classes", "",
       "likeliest class of each generated sample by the classifier", false, [](int64_t) { return int64_t{1}; },
       [](Reference& r) { return r.network().classes() > 0; }, measure_classes},
      {"modes", "Srivastava 2017, Lin 2018: modes captured by high-quality samples, KL to uniform", "",
       "mixtures: within 3 std of a mode; Stacked MNIST: the classifier's digit in each channel", false,
       [](int64_t) { return int64_t{1}; },
       [](Reference& r) { return is_mixture(r.train()) || r.network().judged() > 1; }, measure_modes},
  };
  return table;
}

}  // namespace obverse
