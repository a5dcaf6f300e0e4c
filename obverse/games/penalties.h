#pragma once

#include <functional>

#include "obverse/games/game.h"
#include "obverse/losses/penalties.h"

namespace obverse {

/// One penalty of a recipe: [game.r1] weight, interval.
struct PenaltyOptions : Options {
  Schedule weight = 0.0;
  int64_t interval = 1;
  void describe(Fields& f) override;
};

/// The gradient penalties of a game's discriminator, one table each in [game]. Those of interval 1 are terms of its
/// main phase; the others are phases of their own.
class Penalties {
 public:
  Penalties();
  void describe(Fields& f);
  std::vector<Phase> phases() const;
  /// Adds to `terms` those of this phase: factor * weight * interval * E[penalty], each under its name. real, fake: [N,
  /// ...], `fake` is not looked at where no penalty of the phase needs it; slope: D's gradient [N, ...] at points, that
  /// can be differentiated.
  void add(Terms& terms, const Phase& phase, Round& round, const at::Tensor& real, const at::Tensor& fake,
           const std::function<at::Tensor(const at::Tensor& points)>& slope) const;
  /// Whether one of the phase needs generated samples.
  bool needs_fake(const Phase& phase) const;
  std::vector<std::pair<std::string, std::string>> formulas(const Phase& phase) const;

  const PenaltyOptions& of(const std::string& name) const;
  /// Of row i of penalty_table(), what its mean is multiplied by at this point of the run; 0: not taken.
  double strength(size_t i, double progress) const;
  /// Whether row i belongs to the phase.
  bool in(size_t i, const Phase& phase) const;

 private:
  std::vector<PenaltyOptions> each_;  // one a row of penalty_table()
};

}  // namespace obverse
