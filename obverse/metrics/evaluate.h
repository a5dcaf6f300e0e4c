#pragma once

#include <map>

#include "obverse/metrics/features.h"
#include "obverse/metrics/frechet.h"
#include "obverse/models/latent_model.h"

namespace obverse {

/// One measured number and all that is needed to read it.
struct Figure {
  std::string label;   // "precision"
  std::string name;    // "pr10k3_fashion-mnist-classifier-1a2b3c4d_precision"
  std::string metric;  // "pr10k3_fashion-mnist-classifier-1a2b3c4d": the line of JSON it belongs to
  double value = 0;
  double low = 0, high = 0;        // 95 % interval over draws of the generated samples; NaN when there is none
  std::string interval;            // how the interval was made
  int64_t n_real = 0, n_fake = 0;  // n_real 0: compared with a known distribution, not with samples
  std::string features, features_hash, resize;
  double features_accuracy = 0;  // of the feature network on its test set; NaN when it does not apply
  std::string protocol;          // in words
  uint64_t seed = 0;
  bool has_floor = false;
  double floor = 0;     // the same metric with test data in place of generated samples
  int64_t n_floor = 0;  // test samples in it: n_fake, or all there are
  bool higher_is_better = false;
  double seconds = 0;                                   // of the metric, sampling and features included
  std::vector<std::pair<std::string, double>> details;  // class shares, each mode's std
};

struct EvaluateOptions {
  std::vector<std::string> metrics;  // rows of metric_table(); empty: those that suit the data
  int64_t samples = 0;  // generated; 0: the protocol's (2,500 for mixtures, 26,000 for Stacked MNIST), else 10,000
  uint64_t seed = 0;
  bool floors = true;
  bool allow_few = false;  // fewer samples than features for the Fréchet distance, whose covariances are then singular
};

/// n more generated samples: x [n, ...], y where they have labels. Called several times, for slices.
using SampleSource = std::function<Batch(int64_t n, Rng& rng)>;

/// A model's. Labels, where it needs them, are drawn from those of `data`, so that classes are as frequent as there;
/// evenly where the data have no such labels.
SampleSource source_of(LatentModel& model, const Dataset& data);

/// The real side of a comparison. Features are made once, when first asked for, and kept: N x F float32.
class Reference {
 public:
  /// All three must outlive it.
  Reference(const Dataset& train, const Dataset& test, FeatureNetwork& network)
      : train_(train), test_(test), network_(network) {}
  const Dataset& train() const { return train_; }
  const Dataset& test() const { return test_; }
  FeatureNetwork& network() { return network_; }
  const at::Tensor& features();               // [N, F] of every training sample
  const at::Tensor& test_features();          // [M, F] of every test sample
  const Moments& moments();                   // of `features`
  const at::Tensor& factor();                 // of their covariance
  at::Tensor draw(int64_t n, uint64_t seed);  // [n, F]: of training samples drawn without replacement

 private:
  const Dataset& train_;
  const Dataset& test_;
  FeatureNetwork& network_;
  at::Tensor features_, test_features_, factor_;
  Moments moments_;
};

/// What a metric is asked to compare.
struct Comparison {
  Reference& real;
  const at::Tensor& fake;         // [N, F]: features of generated samples
  const at::Tensor& fake_labels;  // int64 [N], or undefined
  LatentModel* model;             // that made the samples; null when there are only samples
  uint64_t seed;
  bool interval;  // wanted; floors do without
};

/// One number of a metric, before it is given its provenance.
struct Value {
  std::string label;
  double value, low, high;
  std::string interval;
  bool higher_is_better;
  std::vector<std::pair<std::string, double>> details;
};

struct Measured {
  std::vector<Value> values;
  int64_t n_real = 0;
};

struct MetricRow {
  std::string name, source;
  std::string suffix;              // after the number of samples in its name: k of nearest neighbours
  std::string protocol;            // in words
  bool all_real;                   // compares with every training sample: "full" in the published names
  int64_t (*least)(int64_t dims);  // samples needed on each side, for features of so many numbers
  bool (*suits)(Reference& real);  // taken when no metric is named
  Measured (*measure)(const Comparison& comparison);
  bool floor = true;  // has one: test samples can stand in for generated ones
};

/// fid, kid, precision and recall, ...: one row each, in the order of reports.
const std::vector<MetricRow>& metric_table();

/// Measures again and again against the same real data: features and floors are kept.
class Evaluator {
 public:
  /// All three must outlive it. Throws UserError when train and test are not of one domain.
  Evaluator(const Dataset& train, const Dataset& test, FeatureNetwork& network);
  /// Generated images are rounded to 256 levels first, as in a file. Throws UserError for unknown metrics, too few
  /// samples, samples of another shape or not finite.
  /// model: what makes them, for metrics that look at it.
  std::vector<Figure> evaluate(const EvaluateOptions& options, const SampleSource& fake, LatentModel* model = nullptr);
  Reference& reference() { return reference_; }

 private:
  const std::vector<Value>& floor(const MetricRow& row, int64_t n, uint64_t seed);
  Reference reference_;
  std::map<std::string, std::vector<Value>> floors_;
};

/// One evaluation.
std::vector<Figure> evaluate(const EvaluateOptions& options, const Dataset& train, const Dataset& test,
                             const SampleSource& fake, FeatureNetwork& network, LatentModel* model = nullptr);

/// The FID of samples of `domain` against the statistics of a file; no floor. Throws UserError when they are not of as
/// many features as the network gives.
Figure evaluate_statistics(const EvaluateOptions& options, const Moments& real, const Domain& domain,
                           const SampleSource& fake, FeatureNetwork& network);

/// One figure for several, of independent sets of generated samples: their mean, with Student's interval over the sets.
/// sets: the same figures of each set, in order; of a single set they come back as they are.
std::vector<Figure> over_sets(const std::vector<std::vector<Figure>>& sets);

/// What a line of a run's metric file tells beside the figures.
struct MetricLine {
  std::string model;  // path
  std::string model_hash;
  std::string data;
  double kimg = -1;  // of the snapshot; below 0: unknown
  double timestamp = 0;
};

/// The figures of one metric as a line of JSON, with StyleGAN's keys (results, metric, total_time, total_time_str,
/// snapshot_pkl, timestamp) and each figure's provenance.
std::string figure_json_line(const std::vector<Figure>& figures, const MetricLine& line);

/// A line for each metric that the figures belong to, in order.
std::vector<std::string> figure_json_lines(const std::vector<Figure>& figures, const MetricLine& line);

/// Appends figures to metric-<metric>.jsonl in a folder, a line a metric. Throws UserError naming the path.
void append_figures(const std::string& folder, const std::vector<Figure>& figures, const MetricLine& line);

}  // namespace obverse
