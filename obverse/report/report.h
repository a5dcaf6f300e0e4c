#pragma once

#include <string>
#include <vector>

#include "obverse/report/run.h"

namespace obverse {

/// The whole page: one HTML file (well-formed as XML too) that refers to nothing outside itself.
std::string render_report(const RunRecord& run);

struct WrittenReport {
  std::string path;
  uint64_t bytes = 0;
  std::vector<std::string> notes;  // what was damaged and left out
};

/// Reads a run folder and writes its report. out: the file; empty: report.html in the run folder.
/// Throws UserError when `run` is not a run folder or `out` cannot be written.
WrittenReport write_report(const std::string& run, const std::string& out = "");

}  // namespace obverse
