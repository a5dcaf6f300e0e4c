#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "obverse/core/terms.h"
#include "obverse/data/dataset.h"
#include "obverse/layers/module.h"
#include "obverse/models/latent_model.h"
#include "obverse/recipe/optimiser_options.h"

namespace obverse {

/// A player owns modules, hence parameters, and one optimiser.
struct Player {
  std::string name;                                                      // "generator"
  std::vector<std::pair<std::string, std::shared_ptr<Module>>> modules;  // under their names in files
  OptimiserOptions optimiser;
  NamedTensors parameters() const;
};

/// One thing a player does in a round: {discriminator, "main"}, {discriminator, "r1", every 16 rounds}, {generator,
/// "main"}. Each is one optimiser step. Statistics and power iterations move in phases called "main" only.
struct Phase {
  std::string player;
  std::string name = "main";
  int64_t interval = 1;  // played in rounds divisible by it
  int64_t repeats = 1;   // steps in a row, each on fresh draws
};

/// What a round hands out: real batches and randomness. Replaying hands out the same again, for update rules that look
/// twice.
class Round {
 public:
  Round(std::function<Batch()> next, Rng& rng) : next_(std::move(next)), rng_(rng) {}

  /// A fresh real batch: x [N, ...], y [N] or undefined.
  Batch next_batch();
  /// Codes to go with a real batch [batch, ...].
  at::Tensor codes(const LatentSpace& space) { return space.draw(batch, rng_, even); }
  /// Randomness for noise and penalties' points.
  Rng& rng() { return rng_; }

  int64_t batch = 0;    // samples in a real batch, and latents to draw for one
  int64_t number = 0;   // rounds played before this one
  double progress = 0;  // share of the run's images already seen, for schedules
  bool even = false;    // batches are spread evenly, not drawn independently

  /// Remembers draws from here on; `replay` hands them out again.
  void record();
  void replay();

 private:
  std::function<Batch()> next_;
  Rng& rng_;
  bool recording_ = false;
  std::vector<Batch> batches_;
  size_t position_ = 0;
  at::Tensor rng_state_;
};

/// A game says who plays, in which phases, and what each minimises. The trainer does everything else.
class Game {
 public:
  virtual ~Game() = default;
  virtual std::vector<Player>& players() = 0;
  virtual std::vector<Phase> phases() = 0;
  /// Named scalar terms; their sum is minimised by the phase's player.
  virtual Terms loss(const Phase& phase, Round& round) = 0;

  /// What the phase's player minimises, term by term as a paper writes it: for people.
  virtual std::vector<std::pair<std::string, std::string>> formulas(const Phase&) { return {}; }

  /// Adds the gradients of these phases to the parameters of their players. Default: one backward a phase, every other
  /// player frozen, statistics moved by "main" phases only. Games whose players share a forward pass override it.
  /// Returns the terms by phase, in order.
  virtual std::vector<Terms> gradients(const std::vector<Phase>& phases, Round& round);

  /// A model of the game's networks as they stand now (weights shared, not copied); `encode`, `decode`, `features`.
  virtual std::unique_ptr<LatentModel> model() = 0;

  /// Modules that are used by their moving average ("generator"); the others are used as they stand.
  virtual std::vector<std::string> averaged() = 0;

  /// Modules that no player owns but the model file needs: a frozen generator.
  virtual std::vector<std::pair<std::string, std::shared_ptr<Module>>> fixed_modules() { return {}; }

  /// Called once, when a new training begins and not when one is resumed or a model is loaded: fetch frozen weights.
  virtual void begin() {}

  /// Whether training changes what the model generates: monitors and metrics of samples mean something.
  virtual bool learns_to_generate() const { return true; }

  /// Whether a main loss has its whole gradient in the other players' parameters too. Not where they meet through
  /// samples or features that were cut off: from a pool, at a penalty's points, as what others are compared with.
  virtual bool intertwined() const { return true; }

  /// Real batches that a round shows; images seen are counted by it.
  virtual int64_t batches_per_round() { return 1; }

  /// Whether batches are to hold as many samples of each class as their size allows.
  virtual bool batches_by_class() const { return false; }

  /// State beside parameters and buffers that a checkpoint needs: pools, adaptive strengths. Tensors are restored in
  /// place.
  virtual NamedTensors state() { return {}; }

  /// Every player's and fixed module's parameters and buffers under "module.parameter".
  NamedTensors weights();
  /// Every module of the game, players' and fixed ones, under its name.
  std::vector<std::pair<std::string, std::shared_ptr<Module>>> modules();
  Player& player(const std::string& name);
  std::shared_ptr<Module> module(const std::string& name);
};

/// What a recipe's [game] builds. Each kind's options describe their own tables at the root of the recipe:
/// [game], [generator], [discriminator], ...
struct GameRow {
  std::string name, source;
  std::shared_ptr<Options> (*options)();
  std::unique_ptr<Game> (*build)(const Options& options, const Domain& domain, uint64_t seed);
  void (*complete)(Options& options) = nullptr;  // after reading: what follows from files that the recipe names
};
const std::vector<GameRow>& game_table();

}  // namespace obverse
