#pragma once

#include <string>
#include <vector>

#include "obverse/report/run.h"

namespace obverse {

/// A run, or runs of one recipe with several seeds, in one column of a comparison.
struct Compared {
  std::string name;  // of the run folder; of the recipe and the number of seeds
  int64_t seeds = 1;
  int64_t sets = 1;          // independent sets of samples (eval --sets), of one run; fewer than three count as one
  double value = 0;          // of the run's latest measurement; mean over sets, over seeds
  double low = 0, high = 0;  // 95 %: the figure's own interval; Student's over sets or seeds; NaN when there is none
  double error = 0;          // standard error; NaN when not known
  double degrees = 0;        // of freedom of the error
  double kimg = -1;          // of the (last) run
  bool best = false;
  double p_value =
      1;  // of the difference to the best, Welch's test, Holm's correction within the column; NaN: no error known
  bool tied() const { return !best && !(p_value < 0.05); }
};

/// Figures that may be compared: of one metric, with one provenance.
struct ComparedMetric {
  Measurement meta;    // name, features, protocol, data, ...
  std::string unlike;  // what tells it from another column of the same name; empty when there is none
  std::vector<Compared> rows;
};

/// Run folders among the paths, or in them. Throws UserError when a path holds none.
std::vector<std::string> find_runs(const std::vector<std::string>& paths);

/// One column a metric and provenance, in the order of the reports. Only the last measurement of a metric of a run
/// counts, or all of its snapshot where three or more are of samples with seeds of their own.
std::vector<ComparedMetric> compare_runs(std::vector<RunRecord> runs);

/// The comparison as one HTML file.
std::string render_comparison(const std::vector<ComparedMetric>& metrics);

}  // namespace obverse
