#include <algorithm>

#include "obverse/metrics/measure.h"
#include "obverse/metrics/modes.h"

namespace obverse {
namespace {

bool always(Reference&) { return true; }
bool when_asked(Reference&) { return false; }

int64_t one(int64_t) { return 1; }
int64_t four(int64_t) { return 4; }
int64_t six(int64_t) { return 6; }
int64_t twenty(int64_t) { return 20; }
int64_t hundred(int64_t) { return 100; }
int64_t more_than_dims(int64_t dims) { return dims + 1; }
int64_t ten_times_dims(int64_t dims) { return std::max<int64_t>(10 * (dims + 1), 40); }

bool has_classes(Reference& r) { return r.network().classes() > 0; }

bool has_modes(Reference& r) { return known_mixture(r.train()).has_value() || r.network().judged() > 1; }

}  // namespace

const std::vector<MetricRow>& metric_table() {
  static const std::vector<MetricRow> table = {
      {"fid", "Heusel 2017: Fréchet distance of Gaussians fitted to features", "",
       "all training samples against the generated ones", true, more_than_dims, always, measure_fid},
      {"fid_infinity", "Chong 2020: FID extrapolated to infinitely many generated samples", "",
       "all training samples; a line in 1/N through 15 sizes from a tenth of the generated samples to all", true,
       ten_times_dims, when_asked, measure_fid_infinity},
      {"kid", "Binkowski 2018: squared MMD of features under a cubic kernel, unbiased", "",
       "all training samples against the generated ones; 100 subsets of 1000, or of half the smaller set", true, four,
       always, measure_kid},
      {"mmd", "Gretton 2012: squared MMD of features under RBF kernels of five widths, unbiased", "",
       "as kid; widths 1/4 to 4 times the median distance of 1000 training samples", true, four, when_asked,
       measure_mmd},
      {"swd", "Bonneel 2015: sliced 2-Wasserstein distance of features", "",
       "as many training samples as generated ones, 1000 directions", false, four, when_asked, measure_swd},
      {"is", "Salimans 2016: inception score with the feature network's classes", "",
       "mean of ten parts of the generated samples; real data play no part", false, twenty, when_asked, measure_is},
      {"pr", "Kynkäänniemi 2019: precision and recall of manifolds of 3rd neighbours", "3",
       "as many training samples as generated ones, k = 3", false, four, always, measure_pr},
      {"dc", "Naeem 2020: density and coverage of balls of 5th neighbours", "5",
       "as many training samples as generated ones, k = 5", false, six, always, measure_dc},
      {"ndb", "Richardson 2018: share of 100 bins whose proportions differ, Jensen-Shannon divergence", "",
       "k-means bins of all training samples, a two-proportion z-test at 5 % each", true, hundred, when_asked,
       measure_ndb},
      {"c2st", "Lopez-Paz 2017: accuracy of a classifier that tells real from generated, and its p-value", "",
       "as many training samples as generated ones; one half to learn, the other to test", false, twenty, when_asked,
       measure_c2st},
      {"classes", "the classifier's view: share of samples with a probability of 0.9 or more, shares of classes", "",
       "likeliest class of each generated sample by the classifier", false, one, has_classes, measure_classes},
      {"intra", "Miyato 2018: FID within each class, and coverage (Naeem 2020), averaged over classes", "5",
       "all training samples of a class against the generated ones; coverage from as many, k = 5", true, six,
       when_asked, measure_intra},
      {"modes", "Srivastava 2017, Lin 2018: modes captured by high-quality samples, KL to uniform", "",
       "mixtures: within 3 std of a mode; Stacked MNIST: the classifier's digit in each channel", false, one, has_modes,
       measure_modes},
      {"copies", "Alaa 2022: authenticity; near copies of training samples and of each other", "",
       "all training samples; a near copy is closer than 99 % of training samples are to another", true, four,
       when_asked, measure_copies},
      {"ct", "Meehan 2020: C_T, below -3 when training samples are copied, about 0 for fresh data", "",
       "all training and test samples; ten k-means cells", true, twenty, when_asked, measure_ct, false},
      {"ppl", "Karras 2019: perceptual path length in z, and in w where there is one", "",
       "as many paths as samples, spherical in z, straight in w, step 1e-4; squared distance of features; 1 % cut off "
       "on each side",
       false, hundred, when_asked, measure_ppl, false},
  };
  return table;
}

}  // namespace obverse
