#include "obverse/studio/recipe_form.h"

#include <toml++/toml.h>

#include <filesystem>
#include <set>
#include <sstream>

#include "obverse/core/error.h"
#include "obverse/games/recipe.h"
#include "obverse/io/files.h"

namespace obverse {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

Json list_recipes(const std::string& folder) {
  std::set<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == ".toml") files.insert(entry.path());
  Json recipes = Json::array();
  for (const fs::path& file : files) {
    try {
      const Recipe recipe = read_recipe(file.string());
      recipes.push_back({{"file", file.filename().string()},
                         {"name", recipe.name},
                         {"about", recipe.about},
                         {"data", recipe.data.source},
                         {"game", recipe.game.kind},
                         {"kimg", recipe.train.kimg}});
    } catch (const UserError& unreadable) {
      recipes.push_back({{"file", file.filename().string()}, {"problem", unreadable.what()}});
    }
  }
  return recipes;
}

std::string recipe_text(const std::string& folder, const std::string& file) {
  const fs::path path = fs::path(folder) / fs::path(file).filename();
  if (path.extension() != ".toml" || !fs::is_regular_file(path)) fail("{}: no such recipe in {}", file, folder);
  return read_file(path.string(), 1 << 20);
}

std::string with_kind(const std::string& text, const std::string& key, const std::string& kind) {
  toml::table recipe;
  try {
    recipe = toml::parse(text);
  } catch (const toml::parse_error& error) {
    fail("recipe:{}: {}", error.source().begin.line, error.description());
  }
  const size_t dot = key.rfind('.');
  const std::string table = key.substr(0, dot == std::string::npos ? 0 : dot);
  if (dot == std::string::npos || key.substr(dot) != ".kind" || table.find('.') != std::string::npos)
    fail("{}: is not the kind of a table", key);
  toml::table chosen{{"kind", kind}};
  if (table == "game") {  // other kinds have other players
    for (const char* name : {"generator", "discriminator", "encoder", "flow"}) recipe.erase(name);
  } else if (const toml::table* before = recipe[table].as_table()) {
    if (const toml::node* optimiser = before->get("optimiser")) chosen.insert("optimiser", *optimiser);
  }
  recipe.insert_or_assign(table, chosen);
  std::ostringstream out;
  out << recipe;
  return out.str();
}

Json recipe_form(const RecipeSource& source) {
  Recipe recipe = parse_recipe(source);
  Json keys = Json::array();
  for (const OptionDoc& row : document_options(recipe))
    keys.push_back(
        {{"key", row.key}, {"type", row.type}, {"value", row.value}, {"doc", row.doc}, {"known", row.known}});
  return {{"name", recipe.name}, {"about", recipe.about}, {"text", write_options(recipe)}, {"keys", keys}};
}

}  // namespace obverse
