#include "obverse/games/recipe.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "obverse/core/error.h"
#include "obverse/io/files.h"
#include "obverse/io/safetensors.h"
#include "obverse/models/script_model.h"

namespace obverse {

Recipe::Recipe() : game(game_table(), "gan") {}

void Recipe::describe(Fields& f) {
  f("name", name, "of the recipe; run folders are named by it");
  f("about", about, "one sentence: the method and the data set");
  f.table("data", data);
  f.table("game", [&] { game.describe_kind(f); });
  if (game.options) game.options->describe(f);
  f.table("train", train);
  f.table("eval", eval);
}

Recipe parse_recipe(const RecipeSource& source) {
  Recipe recipe;
  read_options(source, recipe);
  const GameRow* row = recipe.game.row();
  if (row && row->complete) row->complete(*recipe.game.options);
  return recipe;
}

Recipe read_recipe(const std::string& path, const std::vector<std::string>& overrides) {
  return parse_recipe({read_file(path, 1 << 20), path, overrides});
}

std::unique_ptr<Game> build_game(const Recipe& recipe, const Domain& domain) {
  return recipe.game.row()->build(*recipe.game.options, domain, static_cast<uint64_t>(recipe.train.seed));
}

static nlohmann::json columns_json(const std::vector<TableColumn>& columns) {
  nlohmann::json json = nlohmann::json::array();
  for (const TableColumn& c : columns)
    json.push_back(
        {{"name", c.name}, {"categories", c.categories}, {"mean", c.mean}, {"std", c.std}, {"missing", c.missing}});
  return json;
}

static std::vector<TableColumn> parse_columns(const nlohmann::json& json) {
  std::vector<TableColumn> columns;
  for (const nlohmann::json& c : json)
    columns.push_back({c.at("name").get<std::string>(), c.at("categories").get<std::vector<std::string>>(),
                       c.at("mean").get<double>(), c.at("std").get<double>(), c.at("missing").get<bool>()});
  return columns;
}

static std::string domain_text(const Domain& domain) {
  nlohmann::json json = {{"kind", domain.kind == Domain::Kind::image ? "image" : "points"},
                         {"shape", domain.shape},
                         {"levels", domain.levels},
                         {"classes", domain.classes}};
  if (!domain.columns.empty()) json["columns"] = columns_json(domain.columns);
  return json.dump();
}

static Domain parse_domain(const std::string& text, const std::string& where) {
  try {
    const auto json = nlohmann::json::parse(text);
    Domain domain;
    domain.kind = json.at("kind") == "image" ? Domain::Kind::image : Domain::Kind::points;
    domain.shape = json.at("shape").get<std::vector<int64_t>>();
    domain.levels = json.at("levels").get<int64_t>();
    domain.classes = json.at("classes").get<std::vector<std::string>>();
    if (json.contains("columns")) domain.columns = parse_columns(json.at("columns"));
    const size_t dimensions = domain.kind == Domain::Kind::image ? 3 : 1;
    for (const int64_t size : domain.shape)
      if (size < 1 || size > 65536) fail("{}: its domain has a side of {}: the file is damaged", where, size);
    if (domain.shape.size() != dimensions)
      fail("{}: its domain has {} sides: the file is damaged", where, domain.shape.size());
    int64_t width = 0;
    for (const TableColumn& column : domain.columns) width += column.width();
    if (width > 0 && width != domain.shape[0])
      fail("{}: its table's columns are {} numbers wide, its samples {}: the file is damaged", where, width,
           domain.shape[0]);
    return domain;
  } catch (const nlohmann::json::exception&) {
    fail("{}: its domain cannot be read: the file is damaged", where);
  }
}

void save_model(const std::string& path, Recipe& recipe, const Domain& domain, Game& game) {
  write_safetensors(path, game.weights(),
                    {{"format", "obverse-model"}, {"recipe", write_options(recipe)}, {"domain", domain_text(domain)}});
}

void freeze(Game& game, const Placement& placement) {
  for (const auto& [name, module] : game.modules()) {
    module->train(false);
    module->set_requires_grad(false);
    module->set_placement(placement);
  }
}

// TorchScript files are zip archives.
static LoadedModel load_foreign(const std::string& file) {
  LoadedModel loaded;
  loaded.recipe.name = std::filesystem::path(file).stem().string();
  loaded.recipe.data.source = "";
  loaded.recipe.game.kind = "TorchScript";
  loaded.recipe.game.options = nullptr;
  loaded.model = load_script_model(file);
  loaded.domain = loaded.model->domain();
  return loaded;
}

LoadedModel load_model(const std::string& path, const Placement& placement) {
  const std::string file = std::filesystem::is_directory(path) ? path + "/model.safetensors" : path;
  if (read_file_start(file, 2) == "PK") return load_foreign(file);
  TensorFile content = read_safetensors(file);
  const auto& metadata = content.metadata;
  if (!metadata.count("recipe") || !metadata.count("domain"))
    fail("{}: holds tensors but no recipe: it is not a model written by obverse train", file);
  LoadedModel loaded;
  loaded.recipe = parse_recipe({metadata.at("recipe"), file, {}});
  loaded.domain = parse_domain(metadata.at("domain"), file);
  loaded.game = build_game(loaded.recipe, loaded.domain);
  copy_named(loaded.game->weights(), content.tensors, file);
  freeze(*loaded.game, placement);
  loaded.model = loaded.game->model();
  loaded.model->name = file;
  loaded.model->hash = sha256(read_file(file));
  return loaded;
}

}  // namespace obverse
