#pragma once

#include "obverse/metrics/evaluate.h"

namespace obverse {

/// The run folder that a model lies in; empty when it lies in none.
std::string run_folder_of(const std::string& model);

/// Prints figures as a table, or as JSON for programs, and appends them to the run's metric files when `run` is a
/// folder.
void report_figures(const std::vector<Figure>& figures, MetricLine line, const std::string& run, bool json);

/// The same for several sets of samples: printed over the sets, appended one by one.
void report_sets(const std::vector<std::vector<Figure>>& sets, MetricLine line, const std::string& run, bool json);

}  // namespace obverse
