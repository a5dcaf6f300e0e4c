#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "obverse/recipe/toml.h"

namespace obverse {

/// The recipes of a folder, by file name: file, name, about; or file and problem, where one cannot be read.
nlohmann::ordered_json list_recipes(const std::string& folder);

/// The text of one of them. Throws UserError when there is none of this name.
std::string recipe_text(const std::string& folder, const std::string& file);

/// The recipe with another kind in a table, key: "generator.kind". What that table held beside its optimiser goes, as
/// it is the old kind's; with another kind of game all players' tables go. Throws UserError when the text is no TOML.
std::string with_kind(const std::string& text, const std::string& key, const std::string& kind);

/// A recipe as a form shows it: its effective text and every key with type, value (TOML), meaning and, where there are
/// such, the values known. Throws UserError with every problem of the recipe, a line each.
nlohmann::ordered_json recipe_form(const RecipeSource& source);

}  // namespace obverse
