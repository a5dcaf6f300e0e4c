#include "obverse/train/monitors.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace obverse {
namespace {

constexpr size_t kHistory = 50;          // lines of figures remembered
constexpr size_t kEnough = 5;            // lines before a comparison with the past means anything
constexpr double kJump = 1000;           // a gradient this many times its usual norm has exploded
constexpr double kGapJump = 100;         // likewise for the logit gap,
constexpr double kLargestGap = 1000;     // which is never called too large below this
constexpr double kStill = 1e-9;          // relative weight change below this is none
constexpr double kCoverageLoss = 0.5;    // share of the best coverage that is too little
constexpr double kMeaningful = 0.2;      // a best coverage below this is still noise
constexpr double kLeastCoverage = 0.02;  // in the second half of a run
constexpr double kDuplicates = 0.5;
constexpr double kLeastSwing = 0.1;      // of the spread of samples: a smaller one harms nobody
constexpr double kUnsettled = 1;         // likewise, without a period
constexpr int64_t kQuiet = 100;          // lines
constexpr double kEarly = 0.25, kHalf = 0.5;

double median(std::deque<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

Finding alarm(std::string cause, std::string what, std::string action) {
  return {0, "alarm", std::move(cause), std::move(what), std::move(action)};
}

}  // namespace

std::string player_tag(const std::string& player) {
  return player == "generator" ? "G" : player == "discriminator" ? "D" : player;
}

std::optional<Finding> Monitors::check_step(const Phase& phase, const Terms& terms, double gradient_norm) const {
  for (const auto& [name, value] : terms.terms())
    if (!std::isfinite(value.item<double>()))
      return alarm("values that are not finite",
                   fmt::format("the {}'s loss term '{}' is {}", phase.player, name, value.item<double>()),
                   "lower the step size, or check the data for NaN");
  if (!std::isfinite(gradient_norm))
    return alarm("values that are not finite",
                 fmt::format("the {}'s gradient has norm {} in phase '{}'", phase.player, gradient_norm, phase.name),
                 "lower the step size");
  return std::nullopt;
}

std::optional<Finding> Monitors::check_stats(const Stats& stats, const std::map<std::string, double>& movement,
                                             const std::map<std::string, double>& step_sizes) {
  std::optional<Finding> found;
  const auto watch = [&](const std::string& tag, double value, double jump, double least, const Finding& finding) {
    auto& past = history_[tag];
    if (past.size() >= kEnough && value > least && value > jump * median(past)) found = finding;
    past.push_back(value);
    if (past.size() > kHistory) past.pop_front();
  };
  for (const auto& [player, moved] : movement) {
    const std::string tag = "Gradients/" + player_tag(player) + "/norm";
    const double norm = stats.mean(tag);
    watch(tag, norm, kJump, 1,
          alarm("exploding " + player,
                fmt::format("its gradient's norm is {:.3g}, {:.0f} times the usual", norm,
                            history_[tag].empty() ? 0 : norm / median(history_[tag])),
                "lower its step size, or add a gradient penalty or spectral norm"));
    if (moved < kStill && step_sizes.at(player) > 0)
      found = alarm("frozen " + player,
                    fmt::format("its weights moved by {:.1g} of their size since the last line although its step size "
                                "is {:.1g}; its gradient's norm is {:.1g}",
                                moved, step_sizes.at(player), norm),
                    player == "generator" ? "the discriminator may have won outright: use a non-saturating or "
                                            "relativistic loss, or a gradient penalty"
                                          : "check its loss");
  }
  const double gap = std::abs(stats.mean("Loss/scores/real") - stats.mean("Loss/scores/fake"));
  watch("gap", gap, kGapJump, kLargestGap,
        alarm("exploding discriminator", fmt::format("real and generated logits lie {:.3g} apart", gap),
              "lower the discriminator's step size, or add a gradient penalty or spectral norm"));
  return found;
}

std::optional<Finding> Monitors::check_motion(const at::Tensor& samples, double progress) {
  const std::optional<Motion::Swing> swing = motion_.look(samples);
  if (quiet_ > 0) --quiet_;
  if (!swing || quiet_ > 0) return std::nullopt;
  Finding found{0, "warning", "oscillation", "",
                "add R1 and R2 or another gradient penalty, lower the step sizes, or let them fall to 0"};
  if (swing->period > 0 && swing->size > kLeastSwing)
    found.what = fmt::format(
        "samples of fixed codes go to and fro with a period of {:.0f} lines of figures, {:.0f} % of "
        "their spread to either side",
        swing->period, 100 * swing->size);
  else if (progress > kHalf && swing->size > kUnsettled)
    found.what = fmt::format(
        "samples of fixed codes do not settle: over the last lines of figures they lie {:.1f} times "
        "their spread from their mean place",
        swing->size);
  if (found.what.empty()) return std::nullopt;
  quiet_ = kQuiet;
  return found;
}

std::optional<Finding> Monitors::check_diversity(const DiversityFigures& figures, double progress) {
  const double best = best_coverage_;
  best_coverage_ = std::max(best, figures.coverage);
  if (best > kMeaningful && figures.coverage < kCoverageLoss * best)
    return alarm("dropped modes",
                 fmt::format("generated samples cover {:.0f} % of the real data, {:.0f} % earlier",
                             100 * figures.coverage, 100 * best),
                 "use relativistic pairing with R1 and R2, a lower step size, or packing");
  if (progress > kEarly && figures.duplicates > kDuplicates && figures.coverage < kHalf)
    return alarm(
        "dropped modes",
        fmt::format("{:.0f} % of generated samples are near-duplicates of one another", 100 * figures.duplicates),
        "use relativistic pairing with R1 and R2, or minibatch standard deviation");
  if (progress > kHalf && figures.coverage < kLeastCoverage)  // nothing to go back to: said, not acted on
    return Finding{0, "warning", "little of the data is covered",
                   fmt::format("generated samples cover {:.1f} % of the real data", 100 * figures.coverage),
                   "train for longer, or use relativistic pairing with R1 and R2"};
  return std::nullopt;
}

std::string Monitors::state() const {
  return nlohmann::json{
      {"history", history_}, {"best_coverage", best_coverage_}, {"places", motion_.places()}, {"quiet", quiet_}}
      .dump();
}

void Monitors::set_state(const std::string& state) {
  const auto json = nlohmann::json::parse(state);
  history_ = json.at("history").get<std::map<std::string, std::deque<double>>>();
  best_coverage_ = json.at("best_coverage").get<double>();
  motion_.set_places(json.value("places", std::deque<std::vector<float>>()));
  quiet_ = json.value("quiet", int64_t{0});
}

}  // namespace obverse
