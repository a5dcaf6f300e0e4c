#include "obverse/studio/recipe_form.h"

#include <filesystem>
#include <set>

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
    } catch (const UserError&) {  // not a recipe, or of another version
    }
  }
  return recipes;
}

std::string recipe_text(const std::string& folder, const std::string& file) {
  const fs::path path = fs::path(folder) / fs::path(file).filename();
  if (path.extension() != ".toml" || !fs::is_regular_file(path)) fail("{}: no such recipe in {}", file, folder);
  return read_file(path.string(), 1 << 20);
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
