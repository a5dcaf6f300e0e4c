#pragma once

#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace obverse {

/// Points of one line, x ascending. A y that is not finite leaves a gap.
struct Series {
  std::string name;
  std::string colour;  // class of the style sheet: "g", "d", "real", "fake", "c0" ... "c5"
  std::vector<double> x, y;
  std::vector<double> low, high;  // a band around the line; empty: none
};

/// A vertical line at an event.
struct Marker {
  double x = 0;
  std::string severity;  // "info", "warning" or "alarm": class of the style sheet
  std::string text;      // shown when pointed at
};

/// A dashed horizontal line to read the others against.
struct Reference {
  double y = 0;
  std::string name, colour;
};

struct Chart {
  std::string title;
  std::string unit;     // of y, behind the title; may be empty
  std::string x_label;  // "kimg"
  std::string note;     // one sentence below: how to read it
  std::vector<Series> series;
  std::vector<Marker> markers;
  std::vector<Reference> references;
  std::optional<bool> log_scale;  // unset: when the values ask for it; true: where all are positive
};

/// The chart as an HTML <figure>: title, legend with last values, an inline <svg>. Many points are drawn faint, with a
/// smooth line over them. Empty when no series has a finite point.
std::string draw_chart(const Chart& chart);

/// About `count` round numbers (1, 2 or 5 times a power of ten apart) within [low, high].
std::vector<double> nice_ticks(double low, double high, int count);
/// Powers of ten within [low, high], both positive; when fewer than three, 2 and 5 times them too; nice_ticks where
/// even those are too few.
std::vector<double> log_ticks(double low, double high);
/// Texts of ticks, all with the decimals that tell them apart.
std::vector<std::string> tick_labels(const std::vector<double>& ticks);

bool all_positive(const std::vector<Series>& series);  // the finite values

/// Whether all finite values are positive and their bulk spans more than a factor of 100.
bool wants_log_scale(const std::vector<Series>& series);

/// The mean of y about y[i] under a triangular window of `half_width` points to either side. Values that are not finite
/// are left out; where y[i] is one, it is returned.
double smoothed_at(const std::vector<double>& y, size_t i, size_t half_width);

}  // namespace obverse
