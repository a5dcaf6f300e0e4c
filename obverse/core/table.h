#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "obverse/core/error.h"

namespace obverse {

/// The entry of `known` that is closest to `name` by edit distance; empty when nothing is close.
std::string nearest(std::string_view name, const std::vector<std::string>& known);

/// "unknown loss 'hinj': did you mean 'hinge'? (known: ...)"
std::string unknown_name(std::string_view kind, std::string_view name, const std::vector<std::string>& known);

/// The names of a table's rows; a row is any struct with a `name`.
template <class Row>
std::vector<std::string> names(const std::vector<Row>& table) {
  std::vector<std::string> result;
  for (const Row& row : table) result.emplace_back(row.name);
  return result;
}

/// The row called `name`. Throws UserError, with the nearest known name, when there is none.
template <class Row>
const Row& find_row(const std::vector<Row>& table, std::string_view kind, std::string_view name) {
  for (const Row& row : table)
    if (row.name == name) return row;
  throw UserError(unknown_name(kind, name, names(table)));
}

}  // namespace obverse
