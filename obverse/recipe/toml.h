#pragma once

#include <string>
#include <utility>
#include <vector>

#include "obverse/recipe/fields.h"

namespace obverse {

/// A recipe's text with `--set` overrides applied in order.
struct RecipeSource {
  std::string text;
  std::string where;                   // path of the file, for messages
  std::vector<std::string> overrides;  // "train.kimg=100"; the value is TOML, or else a plain string
};

/// Fills `options` from the source. Throws one UserError that lists every problem, a line each: syntax, unknown keys
/// (with the nearest known one), wrong types, values out of range; each as "file:line: ...".
void read_options(const RecipeSource& source, Options& options);

/// The options as TOML, every key written, ready to be read again.
std::string write_options(Options& options);

/// One row a key: "train.kimg", its value as TOML and its documentation.
struct OptionDoc {
  std::string key, type, value, doc;
  std::vector<std::string> known;
  Schedule schedule = {};  // the value, where it is one that changes
};
std::vector<OptionDoc> document_options(Options& options);

/// The keys in which two sets of options differ: "train.batch: 64 here, 32 there".
std::vector<std::string> differing_options(Options& here, Options& there);

}  // namespace obverse
