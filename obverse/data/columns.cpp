#include "obverse/data/columns.h"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/io/files.h"

namespace obverse {
namespace {

constexpr size_t kMostCategories = 100;

bool contains(const std::vector<std::string>& list, const std::string& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t"), end = text.find_last_not_of(" \t");
  return begin == std::string::npos ? std::string() : text.substr(begin, end - begin + 1);
}

bool is_missing(const std::string& cell) { return cell.empty() || cell == "NA" || cell == "?"; }

// A number in full; nan and infinities count as numbers here.
bool parse_number(const std::string& cell, double& value) {
  const char* begin = cell.data() + (cell[0] == '+');
  const char* end = cell.data() + cell.size();
  const auto [at, error] = std::from_chars(begin, end, value);
  return error == std::errc() && at == end;
}

// Cuts a file into rows of cells.
class Scanner {
 public:
  Scanner(const std::string& text, const std::string& path) : text_(text), path_(path) {}
  // False at the end of the file. Empty lines are passed over.
  bool next(std::vector<std::string>& cells, int64_t& line) {
    while (at_ < text_.size() && (text_[at_] == '\n' || text_[at_] == '\r')) step();
    if (at_ >= text_.size()) return false;
    cells.clear();
    line = line_;
    while (true) {
      cells.push_back(cell());
      if (at_ >= text_.size() || text_[at_] != ',') return true;
      step();
    }
  }

 private:
  void step() { line_ += text_[at_++] == '\n'; }
  std::string cell() {
    if (at_ < text_.size() && text_[at_] == '"') {
      const std::string value = quoted();
      while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) step();
      if (at_ < text_.size() && std::string(",\r\n").find(text_[at_]) == std::string::npos)
        fail("{}: line {}: text goes on after a closing quote", path_, line_);
      return value;
    }
    const size_t begin = at_;
    while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\n' && text_[at_] != '\r') ++at_;
    return trimmed(text_.substr(begin, at_ - begin));
  }
  std::string quoted() {
    const int64_t opened = line_;
    std::string value;
    for (step();; step()) {
      if (at_ >= text_.size()) fail("{}: line {}: a quote is not closed", path_, opened);
      if (text_[at_] == '"') {
        step();
        if (at_ >= text_.size() || text_[at_] != '"') return value;
      }
      value += text_[at_];
    }
  }

  const std::string& text_;
  const std::string& path_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

/// A table's text on its way to numbers.
class Encoder {
 public:
  Encoder(const DataOptions& options, TableText table)
      : options_(options), table_(std::move(table)), rows_(static_cast<int64_t>(table_.rows.size())) {
    for (size_t i = 0; i < table_.names.size(); ++i) index_[table_.names[i]] = i;
    for (const auto& [key, list] : {std::pair{"categorical", options.categorical}, {"drop", options.drop}})
      for (const std::string& name : list) position(name, key);
  }

  std::vector<TableColumn> learn_columns() {
    std::vector<TableColumn> columns;
    for (const std::string& name : table_.names)
      if (name != options_.label && !contains(options_.drop, name)) learn_column(name, columns);
    if (columns.empty() && reading_.problems.empty()) fail("{}: no column is left to learn from", options_.source);
    return columns;
  }

  // labelled: the column of labels, where there is to be one, must be there.
  Reading encode(const std::vector<TableColumn>& columns, bool labelled) {
    std::vector<at::Tensor> parts;
    for (const TableColumn& column : columns)
      parts.push_back(column.categories.empty() ? encode_numbers(column) : encode_categories(column));
    for (const std::string& name : table_.names)
      if (!known(columns, name)) reading_.notices.push_back(fmt::format("column {} is not used", name));
    Dataset& data = reading_.data;
    data.name = options_.source;
    data.domain = {Domain::Kind::points, {0}, 0, {}, columns};
    if (!parts.empty()) {
      data.samples = at::cat(parts, 1);
      data.domain.shape = {data.samples.size(1)};
    }
    if (!options_.label.empty() && (labelled || index_.count(options_.label))) add_labels();
    data.notices = reading_.notices;
    for (int64_t i = 0; i < rows_; ++i) reading_.names.push_back(fmt::format("line {}", line(i)));
    return std::move(reading_);
  }

 private:
  int64_t line(int64_t row) const { return table_.lines[static_cast<size_t>(row)]; }
  const std::string& cell(int64_t row, size_t column) const { return table_.rows[static_cast<size_t>(row)][column]; }

  size_t position(const std::string& name, const std::string& key) const {
    const auto found = index_.find(name);
    if (found == index_.end())
      throw UserError(fmt::format("data.{}: {}: {}", key, options_.source, unknown_name("column", name, table_.names)));
    return found->second;
  }

  bool known(const std::vector<TableColumn>& columns, const std::string& name) const {
    const auto same = [&](const TableColumn& c) { return c.name == name; };
    return name == options_.label || contains(options_.drop, name) || constant_.count(name) ||
           std::any_of(columns.begin(), columns.end(), same);
  }

  void learn_column(const std::string& name, std::vector<TableColumn>& columns) {
    const size_t at = position(name, "source");
    std::set<std::string> values;
    bool missing = false, numbers = false;
    double value = 0;
    for (int64_t i = 0; i < rows_; ++i) {
      const std::string& text = cell(i, at);
      if (is_missing(text)) {
        missing = true;
        continue;
      }
      numbers = numbers || parse_number(text, value);
      values.insert(text);
    }
    if (values.size() < 2 && !(values.size() == 1 && missing)) {
      constant_.insert(name);
      reading_.notices.push_back(fmt::format("column {} is left out: it holds {}", name,
                                             values.empty() ? "nothing" : *values.begin() + " alone"));
      return;
    }
    TableColumn column;
    column.name = name;
    column.missing = missing;
    if (numbers && !contains(options_.categorical, name)) {
      learn_scale(at, column);
    } else if (values.size() > kMostCategories) {
      reading_.problems.push_back(
          fmt::format("column {} has {} different texts: leave it out by data.drop", name, values.size()));
      return;
    } else {
      column.categories.assign(values.begin(), values.end());
    }
    columns.push_back(column);
  }

  void learn_scale(size_t at, TableColumn& column) {
    const at::Tensor value = numbers_of(column, at), there = value.isnan().logical_not();
    const at::Tensor held = value.masked_select(there);
    if (held.size(0) == 0) return;
    column.mean = held.mean().item<double>();
    const double std = held.std(/*unbiased=*/false).item<double>();
    column.std = std > 0 ? std : 1;
  }

  // [rows] float64; not a number where the value is missing. Text is a problem, told once a column.
  at::Tensor numbers_of(const TableColumn& column, size_t at) {
    at::Tensor result = at::full({rows_}, std::nan(""), at::kDouble);
    std::vector<int64_t> texts;
    for (int64_t i = 0; i < rows_; ++i) {
      const std::string& text = cell(i, at);
      if (is_missing(text)) continue;
      double value = 0;
      if (parse_number(text, value) && std::isfinite(value))
        result.data_ptr<double>()[i] = value;
      else
        texts.push_back(i);
    }
    if (!texts.empty() && bad_.insert(column.name).second)
      reading_.problems.push_back(fmt::format(
          "line {}, column {}: '{}' is no number{}: leave the cell empty where a value is missing, or list the column "
          "in data.categorical",
          line(texts[0]), column.name, cell(texts[0], at),
          texts.size() == 1 ? "" : fmt::format(", as in {} more of its cells", texts.size() - 1)));
    return result;
  }

  size_t wanted(const TableColumn& column) const {
    const auto found = index_.find(column.name);
    if (found == index_.end())
      fail("{}: has no column {}, which the model was trained on", options_.source, column.name);
    return found->second;
  }

  // The numbers with, where the column has it, what says that a value is missing: [rows, width].
  at::Tensor with_missing(const TableColumn& column, const at::Tensor& numbers, const at::Tensor& missing) {
    if (column.missing) return at::cat({numbers, missing.to(at::kFloat).unsqueeze(1)}, 1);
    if (const auto count = missing.sum().item<int64_t>(); count > 0 && bad_.count(column.name) == 0)
      reading_.notices.push_back(
          fmt::format("column {}: {} values are missing, none was in training: they are taken as {}", column.name,
                      count, column.categories.empty() ? "the mean" : "no category"));
    return numbers;
  }

  at::Tensor encode_numbers(const TableColumn& column) {
    const at::Tensor value = numbers_of(column, wanted(column)), missing = value.isnan();
    const at::Tensor standard = ((value - column.mean) / column.std).masked_fill(missing, 0).to(at::kFloat);
    return with_missing(column, standard.unsqueeze(1), missing);
  }

  at::Tensor encode_categories(const TableColumn& column) {
    const size_t at = wanted(column);
    at::Tensor numbers = at::zeros({rows_, static_cast<int64_t>(column.categories.size())});
    at::Tensor missing = at::zeros({rows_}, at::kBool);
    std::set<std::string> unknown;
    for (int64_t i = 0; i < rows_; ++i) {
      const std::string& text = cell(i, at);
      const auto found = std::find(column.categories.begin(), column.categories.end(), text);
      if (is_missing(text))
        missing.data_ptr<bool>()[i] = true;
      else if (found == column.categories.end())
        unknown.insert(text);
      else
        numbers.data_ptr<float>()[i * numbers.size(1) + (found - column.categories.begin())] = 1;
    }
    if (!unknown.empty())
      reading_.notices.push_back(
          fmt::format("column {}: {} is no category of training", column.name, fmt::join(unknown, ", ")));
    return with_missing(column, numbers, missing);
  }

  void add_labels() {
    const size_t at = position(options_.label, "label");
    std::map<std::string, int64_t> classes;
    for (int64_t i = 0; i < rows_; ++i) {
      if (is_missing(cell(i, at)))
        reading_.problems.push_back(fmt::format("line {}, column {}: the label is missing", line(i), options_.label));
      classes[cell(i, at)] = 0;
    }
    for (auto& [name, index] : classes) {
      index = static_cast<int64_t>(reading_.data.domain.classes.size());
      reading_.data.domain.classes.push_back(name);
    }
    at::Tensor labels = at::empty({rows_}, at::kLong);
    for (int64_t i = 0; i < rows_; ++i) labels.data_ptr<int64_t>()[i] = classes.at(cell(i, at));
    reading_.data.labels = labels;
  }

  const DataOptions& options_;
  TableText table_;
  int64_t rows_;
  std::map<std::string, size_t> index_;
  std::set<std::string> constant_, bad_;
  Reading reading_;
};

}  // namespace

bool is_csv(const std::string& path) {
  return path.size() > 4 &&
         (path.compare(path.size() - 4, 4, ".csv") == 0 || path.compare(path.size() - 4, 4, ".CSV") == 0);
}

TableText read_table_text(const std::string& path) {
  std::string text = read_file(path, uint64_t{1} << 31);
  if (text.compare(0, 3, "\xef\xbb\xbf") == 0) text.erase(0, 3);  // a byte-order mark
  Scanner scanner(text, path);
  TableText table;
  int64_t line = 0;
  if (!scanner.next(table.names, line)) fail("{}: is empty: a table begins with a row of names", path);
  std::set<std::string> seen;
  for (const std::string& name : table.names) {
    if (name.empty()) fail("{}: line 1: a column has no name", path);
    if (!seen.insert(name).second) fail("{}: line 1: two columns are called {}", path, name);
  }
  for (std::vector<std::string> cells; scanner.next(cells, line);) {
    if (cells.size() != table.names.size())
      fail("{}: line {}: {} values, {} columns: the file is damaged, or a text with commas lacks quotes", path, line,
           cells.size(), table.names.size());
    table.rows.push_back(std::move(cells));
    table.lines.push_back(line);
  }
  if (table.rows.empty()) fail("{}: has names but no rows", path);
  return table;
}

Reading read_table(const DataOptions& options, const std::vector<TableColumn>& columns) {
  Encoder encoder(options, read_table_text(options.source));
  return columns.empty() ? encoder.encode(encoder.learn_columns(), true) : encoder.encode(columns, false);
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string table_text(const at::Tensor& rows, const std::vector<TableColumn>& columns, const at::Tensor& labels,
                       const std::vector<std::string>& classes, const std::string& label) {
  std::vector<std::string> cells;
  for (const TableColumn& column : columns) cells.push_back(csv_cell(column.name));
  if (labels.defined()) cells.push_back(csv_cell(label));
  std::string text = fmt::format("{}\n", fmt::join(cells, ","));
  const at::Tensor values = rows.to(at::kFloat).contiguous();
  for (int64_t i = 0; i < values.size(0); ++i) {
    const float* at = values.data_ptr<float>() + i * values.size(1);
    cells.clear();
    for (const TableColumn& column : columns) {
      const float* end = at + column.width();
      if (column.missing && end[-1] > 0.5)
        cells.emplace_back();
      else if (column.categories.empty())
        cells.push_back(fmt::format("{:.6g}", column.mean + column.std * static_cast<double>(*at)));
      else
        cells.push_back(
            csv_cell(column.categories[static_cast<size_t>(std::max_element(at, end - column.missing) - at)]));
      at = end;
    }
    if (labels.defined()) cells.push_back(csv_cell(classes.at(static_cast<size_t>(labels[i].item<int64_t>()))));
    text += fmt::format("{}\n", fmt::join(cells, ","));
  }
  return text;
}

}  // namespace obverse
