#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "obverse/cli/commands.h"
#include "obverse/core/error.h"
#include "obverse/io/files.h"
#include "obverse/report/comparison.h"

namespace obverse {
namespace {

using Json = nlohmann::ordered_json;

struct CompareCommand {
  std::vector<std::string> paths;
  std::string out;
  bool json = false;
};

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

void print_json(const std::vector<ComparedMetric>& metrics) {
  Json all = Json::array();
  for (const ComparedMetric& metric : metrics) {
    Json rows = Json::array();
    for (const Compared& row : metric.rows)
      rows.push_back({{"name", row.name},
                      {"seeds", row.seeds},
                      {"sets", row.sets},
                      {"value", number(row.value)},
                      {"low", number(row.low)},
                      {"high", number(row.high)},
                      {"best", row.best},
                      {"p_value", row.best ? Json(nullptr) : number(row.p_value)}});
    all.push_back({{"metric", metric.meta.name}, {"unlike", metric.unlike}, {"rows", rows}});
  }
  fmt::print("{}\n", all.dump(1, ' ', false, Json::error_handler_t::replace));
}

std::string verdict(const Compared& row) {
  if (row.best) return "best";
  if (std::isnan(row.p_value)) return "no interval to judge by";
  return row.tied() ? fmt::format("p {:.2g}: not told from the best", row.p_value)
                    : fmt::format("p {:.2g}: significant", row.p_value);
}

void print_table(const std::vector<ComparedMetric>& metrics) {
  for (const ComparedMetric& metric : metrics) {
    fmt::print("{}{}\n", metric.meta.name, metric.unlike.empty() ? "" : " (" + metric.unlike + ")");
    size_t width = 0;
    for (const Compared& row : metric.rows) width = std::max(width, row.name.size());
    for (const Compared& row : metric.rows) {
      const std::string interval = std::isfinite(row.low) ? fmt::format("[{:.4g}, {:.4g}]", row.low, row.high) : "-";
      fmt::print("  {:{}}  {:<10.4g}  {:<20}  {}\n", row.name, width, row.value, interval, verdict(row));
    }
    if (metric.meta.floor) fmt::print("  {:{}}  {:<10.4g}\n", "floor", width, *metric.meta.floor);
  }
}

void run_compare(const CompareCommand& c) {
  std::vector<RunRecord> runs;
  for (const std::string& path : find_runs(c.paths)) runs.push_back(read_run(path));
  if (runs.size() < 2) fail("compare: one run alone: name two or more, or a folder that holds them");
  const size_t count = runs.size();
  const std::vector<ComparedMetric> metrics = compare_runs(std::move(runs));
  if (metrics.empty()) fail("compare: none of the {} runs has figures: measure them by obverse eval", count);
  if (!c.out.empty()) write_file(c.out, render_comparison(metrics));
  c.json ? print_json(metrics) : print_table(metrics);
}

}  // namespace

void setup_compare(CLI::App& app) {
  auto c = std::make_shared<CompareCommand>();
  app.add_option("runs", c->paths, "run folders, or folders that hold them")->required();
  app.add_option("--out", c->out, "also write the comparison with its plots, one HTML file")->type_name("FILE");
  app.add_flag("--json", c->json, "for programs");
  app.callback([c] { run_compare(*c); });
}

}  // namespace obverse
