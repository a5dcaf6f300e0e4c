#include "obverse/cli/figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <filesystem>

namespace obverse {

namespace fs = std::filesystem;

std::string run_folder_of(const std::string& model) {
  const fs::path path(model);
  const fs::path folder = fs::is_directory(path) ? path : path.parent_path();
  return fs::exists(folder / "recipe.toml") ? folder.string() : "";
}

namespace {

std::string number_text(double value) { return std::isfinite(value) ? fmt::format("{:.4g}", value) : "-"; }

std::vector<std::string> table_row(const Figure& f) {
  std::string interval = "-";
  if (std::isfinite(f.low)) interval = fmt::format("[{}, {}]", number_text(f.low), number_text(f.high));
  std::string floor = f.has_floor ? number_text(f.floor) : "-";
  if (f.has_floor && f.n_floor != f.n_fake) floor += fmt::format(" (N {})", f.n_floor);
  const std::string hash = f.features_hash.empty() ? "" : "-" + f.features_hash.substr(0, 8);
  return {f.label,
          number_text(f.value),
          interval,
          floor,
          f.n_real > 0 ? std::to_string(f.n_real) : "-",
          std::to_string(f.n_fake),
          f.features + hash};
}

void print_table(const std::vector<Figure>& figures) {
  std::vector<std::vector<std::string>> rows = {
      {"metric", "value", "95 % interval", "floor", "real", "fake", "features"}};
  for (const Figure& f : figures) rows.push_back(table_row(f));
  std::vector<size_t> widths(rows[0].size(), 0);
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    fmt::print("{}\n", line.substr(0, line.find_last_not_of(' ') + 1));
  }
  for (const Figure& f : figures) {
    if (f.details.empty() || f.details.size() > 30) continue;
    std::string text;
    for (const auto& [name, value] : f.details)
      text += fmt::format("{}{} {:.3f}", text.empty() ? "" : ", ", name, value);
    fmt::print("{}: {}\n", f.label, text);
  }
}

void print_json(const std::vector<Figure>& figures, const MetricLine& line) {
  std::string text;
  for (const std::string& one : figure_json_lines(figures, line)) text += (text.empty() ? " " : ",\n ") + one;
  fmt::print("[\n{}\n]\n", text);
}

}  // namespace

void report_sets(const std::vector<std::vector<Figure>>& sets, MetricLine line, const std::string& run, bool json) {
  line.timestamp = static_cast<double>(std::time(nullptr));
  json ? print_json(over_sets(sets), line) : print_table(over_sets(sets));
  if (run.empty()) return;
  for (const auto& figures : sets) append_figures(run, figures, line);  // last: the figures are out if it cannot be
}

void report_figures(const std::vector<Figure>& figures, MetricLine line, const std::string& run, bool json) {
  report_sets({figures}, std::move(line), run, json);
}

}  // namespace obverse
