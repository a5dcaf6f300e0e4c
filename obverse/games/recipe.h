#pragma once

#include "obverse/data/dataset.h"
#include "obverse/games/game.h"
#include "obverse/recipe/toml.h"
#include "obverse/recipe/train_options.h"

namespace obverse {

/// All of a recipe: what a TOML file of `recipes/` says, and what a model file carries.
struct Recipe : Options {
  std::string name = "unnamed";
  std::string about;  // one sentence: the published method and data set
  DataOptions data;
  Choice<GameRow> game;
  TrainOptions train;
  EvalOptions eval;
  Recipe();
  void describe(Fields& f) override;
};

/// Reads recipe text or a file. Throws UserError with every problem.
Recipe parse_recipe(const RecipeSource& source);
Recipe read_recipe(const std::string& path, const std::vector<std::string>& overrides = {});

/// The game of a recipe for data of `domain`, with fresh weights drawn from train.seed.
std::unique_ptr<Game> build_game(const Recipe& recipe, const Domain& domain);

/// Writes the game's weights with the effective recipe and the domain in the metadata: one file is enough to sample,
/// evaluate and invert.
void save_model(const std::string& path, Recipe& recipe, const Domain& domain, Game& game);

/// A model file, ready to use (evaluation mode, weights frozen). It owns its game; a generator made elsewhere has none,
/// and a recipe that names no data.
struct LoadedModel {
  Recipe recipe;
  Domain domain;
  std::unique_ptr<Game> game;
  std::unique_ptr<LatentModel> model;
};

/// path: a model file, a run folder that holds model.safetensors, or a TorchScript generator beside its card
/// (models/script_model.h). Throws UserError naming the path.
LoadedModel load_model(const std::string& path, const Placement& placement = {});

/// Evaluation mode, nothing requires gradients.
void freeze(Game& game, const Placement& placement);

}  // namespace obverse
