#pragma once

#include <string>
#include <vector>

#include "obverse/report/plot.h"
#include "obverse/report/run.h"

namespace obverse {

/// A part of the page: HTML, or empty when the run holds nothing for it.
struct Section {
  std::string id, title;
  std::string (*body)(const RunRecord& run);
};

/// In the order of the page.
const std::vector<Section>& section_table();

/// The head of the page: name, what was trained on what, when, how fast; and the figures that matter most.
std::string draw_header(const RunRecord& run);

std::string draw_samples(const RunRecord& run);     // beside real data
std::string draw_progress(const RunRecord& run);    // the same latents as training went on
std::string draw_metrics(const RunRecord& run);     // values, intervals, floors, curves
std::string draw_inversions(const RunRecord& run);  // originals, reconstructions, errors, times
std::string draw_interpolations(const RunRecord& run);
std::string draw_anomalies(const RunRecord& run);     // detectors' figures, scores, the strangest samples
std::string draw_probes(const RunRecord& run);        // what labels codes tell, maps of them
std::string draw_edits(const RunRecord& run);         // directions in codes, what they do
std::string draw_compressions(const RunRecord& run);  // bytes an image, what fewer give
std::string draw_curves(const RunRecord& run);        // every tag of stats.jsonl
std::string draw_findings(const RunRecord& run);      // what the monitors said
std::string draw_reproduction(const RunRecord& run);  // commands, recipe, log
std::string draw_glossary(const RunRecord& run);      // what the figures mean

/// Findings of the run as markers of a chart over kimg.
std::vector<Marker> finding_markers(const RunRecord& run);

/// The run's path, quoted for a shell where needed.
std::string shell_path(const RunRecord& run, const std::string& file = "");

/// A paragraph that says what is missing and the command that makes it.
std::string missing(const std::string& what, const std::string& command);

}  // namespace obverse
