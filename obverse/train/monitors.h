#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "obverse/games/game.h"
#include "obverse/train/motion.h"
#include "obverse/train/stats.h"

namespace obverse {

/// Something that a monitor noticed, in words.
struct Finding {
  double kimg = 0;
  std::string severity;  // "info", "warning" or "alarm"
  std::string cause;     // "exploding discriminator"
  std::string what;      // the evidence, with its numbers
  std::string action;    // what was done, or what to do
};

/// Coverage of real data and near-duplicate rate of generated samples, both in [0, 1], in some feature space.
struct DiversityFigures {
  double coverage = 0, duplicates = 0;
};

/// Watches a run for the ways in which adversarial training fails. An alarm names the cause; the trainer acts on it.
class Monitors {
 public:
  /// After every step: values and gradients must be finite.
  std::optional<Finding> check_step(const Phase& phase, const Terms& terms, double gradient_norm) const;
  /// After every line of figures: logits, gradients and the players' movement.
  /// movement: relative change of each player's weights since the last line; step_sizes: what they were allowed.
  std::optional<Finding> check_stats(const Stats& stats, const std::map<std::string, double>& movement,
                                     const std::map<std::string, double>& step_sizes);
  /// After every line of figures: samples [N, ...] of the same codes as ever, by the players as they stand.
  /// progress: share of the run done.
  std::optional<Finding> check_motion(const at::Tensor& samples, double progress);
  /// At every snapshot. progress: share of the run done.
  std::optional<Finding> check_diversity(const DiversityFigures& figures, double progress);

  /// Memory of earlier values, for checkpoints.
  std::string state() const;
  void set_state(const std::string& state);

 private:
  std::map<std::string, std::deque<double>> history_;  // last values by tag
  double best_coverage_ = 0;
  Motion motion_;
  int64_t quiet_ = 0;  // lines for which the motion is not told of again
};

/// "generator" is G in tags, "discriminator" D; other players keep their names.
std::string player_tag(const std::string& player);

}  // namespace obverse
