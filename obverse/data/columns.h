#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "obverse/data/sources.h"

namespace obverse {

/// Whether the path is that of a table: .csv.
bool is_csv(const std::string& path);

/// A table with a row of names at its head, as RFC 4180 has it (quotes, quotes doubled, lines inside quotes).
struct TableText {
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> rows;  // as many cells each as there are names
  std::vector<int64_t> lines;                  // of the file, where each row begins
};
/// Throws UserError naming path and line: no names, no rows, a row of another length, a quote left open.
TableText read_table_text(const std::string& path);

/// A table as points. A cell is missing when it is empty, NA or ?. A column is of numbers when a value of it is a
/// number and it is not in data.categorical; then every value there must be one. Numbers become (value - mean) / std,
/// over all rows of the file (load_dataset: over the rows that are trained on); a missing one is 0. Categories become a
/// number each. Columns where a value is missing have a further number that says so. Left out, with a notice: constant
/// columns. Problems, by line: text among numbers, nan and infinities, columns of more than 100 categories. columns:
/// empty, or what a model knows of its table: then columns are found by name, others are left out, a category that is
/// not known is none of them, and there may be no labels.
Reading read_table(const DataOptions& options, const std::vector<TableColumn>& columns = {});

/// As load_dataset, a table's columns by what a model, or other data, know of theirs.
Dataset load_dataset_like(const DataOptions& options, const std::string& split,
                          const std::vector<TableColumn>& columns);

/// A cell as it stands in a file: in quotes where it must be.
std::string csv_cell(const std::string& text);
/// The way back: rows as read_table makes them, float32 [N, D], become a table's text. Of categories the largest
/// counts; a cell is empty where the number that says so is above a half. labels: int64 [N] among `classes`, or
/// undefined; a last column of that name.
std::string table_text(const at::Tensor& rows, const std::vector<TableColumn>& columns, const at::Tensor& labels = {},
                       const std::vector<std::string>& classes = {}, const std::string& label = "label");

}  // namespace obverse
