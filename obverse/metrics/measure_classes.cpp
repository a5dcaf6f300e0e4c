#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/error.h"
#include "obverse/metrics/classes.h"
#include "obverse/metrics/jackknife.h"
#include "obverse/metrics/measure.h"
#include "obverse/metrics/modes.h"
#include "obverse/metrics/neighbours.h"

namespace obverse {
namespace {

// The class names of the data set when they are those of the `count` classes at hand, else numbers.
std::string class_name(const Dataset& data, int64_t k, int64_t count) {
  const std::vector<std::string>& names = data.domain.classes;
  return static_cast<int64_t>(names.size()) == count ? names[static_cast<size_t>(k)] : std::to_string(k);
}

Measured mixture_values(const MixtureModes& m, const Mixture& mixture, int64_t n) {
  const at::Tensor ratios = m.stds / mixture.std;
  const at::Tensor known = ratios.masked_select(ratios.isfinite());
  Value narrowest = plain("narrowest std ratio", known.numel() ? known.min().item<double>() : std::nan(""), true);
  Value widest = plain("widest std ratio", known.numel() ? known.max().item<double>() : std::nan(""), false);
  for (int64_t k = 0; k < m.modes; ++k) narrowest.details.emplace_back(std::to_string(k), ratios[k].item<double>());
  return {{plain("modes", static_cast<double>(m.captured), true), share("high quality", m.high_quality, n),
           plain("reverse kl", m.reverse_kl, false), narrowest, widest},
          0};
}

at::Tensor rows_of_class(const at::Tensor& x, const at::Tensor& labels, int64_t k) {
  return x.index_select(0, (labels == k).nonzero().flatten());
}

}  // namespace

Measured measure_is(const Comparison& c) {
  if (c.real.network().judged() > 1)
    fail("is: these features judge each channel by itself: the score is of whole images");
  const InceptionScore score = inception_score(c.real.network().logits(c.fake).squeeze(1));
  const double error = score.standard_error * Jackknife::kStudent / kNormal;
  return {{normal("is", score.value, error, "Student's, from the spread of ten parts", true)}, 0};
}

Measured measure_classes(const Comparison& c) {
  FeatureNetwork& network = c.real.network();
  const ClassShares found = class_shares(network.logits(c.fake).flatten(0, 1));
  const int64_t n = c.fake.size(0) * network.judged(), classes = found.shares.size(0);
  const Dataset& train = c.real.train();
  at::Tensor wanted = found.shares;  // of a choice of classes, those that were chosen
  if (train.labels.defined() && static_cast<int64_t>(train.domain.classes.size()) == classes)
    wanted = wanted.masked_select(train.labels.bincount({}, classes) > 0);
  Value smallest = share("smallest class", wanted.min().item<double>(), n);
  Value largest = share("largest class", found.shares.max().item<double>(), n);
  largest.higher_is_better = false;
  for (int64_t k = 0; k < std::min<int64_t>(classes, 100); ++k)
    smallest.details.emplace_back(class_name(train, k, classes), found.shares[k].item<double>());
  return {{share("confident", found.confident, n), smallest, largest}, 0};
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

Measured measure_intra(const Comparison& c) {
  const Dataset& train = c.real.train();
  if (!train.labels.defined() || !c.fake_labels.defined())
    fail("intra: needs labels of real and of generated samples: use a conditional model and data with labels");
  const auto classes = static_cast<int64_t>(train.domain.classes.size());
  Value fid = plain("intra fid", 0, false), coverage = plain("intra coverage", 0, true);
  const at::Tensor counts = train.labels.bincount({}, classes);
  const auto present = (counts > 0).sum().item<double>();
  for (int64_t k = 0; k < classes; ++k) {
    if (counts[k].item<int64_t>() == 0) continue;  // data.classes left it out
    const std::string name = class_name(train, k, classes);
    const at::Tensor real = rows_of_class(c.real.features(), train.labels, k),
                     fake = rows_of_class(c.fake, c.fake_labels, k);
    const int64_t least = c.fake.size(1) + 1, n = std::min(real.size(0), fake.size(0));
    if (n < least)
      fail("intra: class {} has {} samples on one side, {} features need {}: use more (--samples)", name, n,
           c.fake.size(1), least);
    Moments a, b;
    a.add(real);
    b.add(fake);
    fid.details.emplace_back(name, frechet_distance(a, b));
    coverage.details.emplace_back(name, density_coverage(real.slice(0, 0, n), fake).coverage);
    fid.value += fid.details.back().second / present;
    coverage.value += coverage.details.back().second / present;
  }
  return {{fid, coverage}, train.size()};
}

}  // namespace obverse
