#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/error.h"
#include "obverse/metrics/jackknife.h"
#include "obverse/metrics/measure.h"
#include "obverse/metrics/memorisation.h"
#include "obverse/metrics/neighbours.h"
#include "obverse/metrics/path_length.h"

namespace obverse {

// A share that rests on all generated samples together: these are not independent trials.
static Value joint_share(std::string label, double p, double error) {
  const double half = Jackknife::kStudent * error;
  return {std::move(label),
          p,
          std::max(0.0, p - half),
          std::min(1.0, p + half),
          "jackknife over ten groups of generated samples",
          true,
          {}};
}

Measured measure_pr(const Comparison& c) {
  const at::Tensor real = real_sample(c);
  const PrecisionRecall pr = precision_recall(real, c.fake);
  return {{share("precision", pr.precision, c.fake.size(0)), joint_share("recall", pr.recall, pr.recall_error)},
          real.size(0)};
}

Measured measure_dc(const Comparison& c) {
  const at::Tensor real = real_sample(c);
  const DensityCoverage dc = density_coverage(real, c.fake);
  return {
      {normal("density", dc.density, dc.density_error, "normal over generated samples, the real ones held fixed", true),
       joint_share("coverage", dc.coverage, dc.coverage_error)},
      real.size(0)};
}

Measured measure_copies(const Comparison& c) {
  const Memorisation m = memorisation(c.real.features(), c.fake);
  Value copies = share("copies of training samples", m.copies, c.fake.size(0));
  copies.higher_is_better = false;
  return {{share("authenticity", m.authenticity, c.fake.size(0)), copies,
           plain("duplicates", m.duplicates, false),  // they come in pairs at least: no share's interval
           plain("nearest distance ratio", m.nearest_ratio, true)},
          c.real.train().size()};
}

Measured measure_ct(const Comparison& c) {
  constexpr int64_t kCells = 10;
  Rng rng(0, "cells");
  const double score = copying_score(c.real.features(), c.real.test_features(), c.fake, kCells, rng);
  if (std::isnan(score)) fail("ct: no cell of training samples holds 20 generated ones: use more (--samples)");
  return {{plain("ct", score, true)}, c.real.train().size()};
}

static Value path_length(const Comparison& c, const std::string& name, PathSpace space) {
  Rng rng(c.seed, "paths");
  const at::Tensor lengths = path_lengths(*c.model, c.real.network(), c.fake.size(0), rng, space);
  const double low = lengths.quantile(0.01).item<double>(), high = lengths.quantile(0.99).item<double>();
  const at::Tensor kept = lengths.masked_select(at::logical_and(lengths >= low, lengths <= high));
  const double error = kept.std().item<double>() / std::sqrt(static_cast<double>(kept.size(0)));
  return normal(name, kept.mean().item<double>(), error, "normal, over paths", false);
}

Measured measure_ppl(const Comparison& c) {
  if (!c.model) fail("ppl: a path needs a model to generate along it: give a model file, not samples");
  Measured result{{path_length(c, "ppl", PathSpace::z)}, 0};
  if (c.model->has_styles()) result.values.push_back(path_length(c, "ppl in w", PathSpace::w));
  return result;
}

}  // namespace obverse
