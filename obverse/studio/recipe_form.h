#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "obverse/recipe/toml.h"

namespace obverse {

/// The recipes of a folder, by file name: file, name, about. Those that cannot be read are left out.
nlohmann::ordered_json list_recipes(const std::string& folder);

/// The text of one of them. Throws UserError when there is none of this name.
std::string recipe_text(const std::string& folder, const std::string& file);

/// A recipe as a form shows it: its effective text and every key with type, value (TOML), meaning and, where there are
/// such, the values known. Throws UserError with every problem of the recipe, a line each.
nlohmann::ordered_json recipe_form(const RecipeSource& source);

}  // namespace obverse
