#pragma once

#include <ATen/core/Tensor.h>

namespace obverse {

/// How well scores tell anomalies from normal samples. score: [N] float64, larger is stranger; anomalous: [N] bool.

/// A figure between 0 and 1 with its 95 % interval.
struct Share {
  double value = 0, low = 0, high = 1;
};

/// `hits` of `n`, with the interval of Wilson 1927. n = 0: not a number.
Share proportion(int64_t hits, int64_t n);

/// Area under the receiver operating characteristic: how often an anomaly scores above a normal sample, ties counting
/// half. Interval by DeLong 1988, on the scale of log odds. Not a number unless there are samples of both kinds.
Share auroc(const at::Tensor& score, const at::Tensor& anomalous);

/// Average precision, the area under the precision-recall curve as scikit-learn's steps have it: sum over thresholds of
/// (recall gained) times precision. Interval: logit, by the number of anomalies (Boyd 2013). Not a number as above.
Share average_precision(const at::Tensor& score, const at::Tensor& anomalous);

/// The score above which at most a share `false_alarms` of normal samples will lie: the ceil((1 - a)(n + 1))-th
/// smallest of n normal scores, whose guarantee needs nothing but that they are exchangeable with those to come (split
/// conformal prediction; Vovk 2005). Throws UserError when n is too small for so low a rate.
double conformal_threshold(const at::Tensor& normal, double false_alarms);

/// (1 + how many of the n normal scores are at least as large) / (n + 1): [N] float64. At most u for a share u of
/// normal samples.
at::Tensor conformal_p_values(const at::Tensor& normal, const at::Tensor& score);

/// Shares of scores [N] in equal bins from `low` to `high`, what lies beyond in the first and last: [bins] float64.
at::Tensor score_histogram(const at::Tensor& score, double low, double high, int64_t bins);

struct Detection {
  int64_t anomalies = 0, normals = 0, alarms = 0;
  Share auroc, average_precision;               // of the scores
  Share precision, recall, false_alarms, f1{};  // of score > threshold; f1 has no interval
};
Detection judge_detection(const at::Tensor& score, const at::Tensor& anomalous, double threshold);

}  // namespace obverse
