#pragma once

#include <string>

namespace obverse {

/// A value that changes as training goes on, driven by the share of the run's images already seen.
/// In a recipe: a number, or { from = 1.0, to = 0.1, start = 0.0, over = 0.7, shape = "cosine" }.
struct Schedule {
  double from = 0, to = 0;
  double start = 0;              // share of the run at which the change begins
  double over = 1;               // share of the run that the change lasts
  std::string shape = "cosine";  // "cosine": (1 - cos(pi t)) / 2, as in R3GAN; "linear"; "geometric"; "tripling"

  Schedule() = default;
  Schedule(double constant) : from(constant), to(constant) {}  // NOLINT: a number is a schedule
  Schedule(double first, double last, double length = 1, std::string form = "cosine")
      : from(first), to(last), over(length), shape(std::move(form)) {}

  bool constant() const { return from == to; }
  /// progress: images seen / images of the whole run, in [0, 1].
  double at(double progress) const;
  bool operator==(const Schedule& other) const;
};

}  // namespace obverse
