#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "obverse/core/error.h"
#include "obverse/core/student.h"
#include "obverse/metrics/evaluate.h"

namespace obverse {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

// "1h 02m 03s"
std::string duration(double seconds) {
  const auto s = static_cast<int64_t>(std::llround(seconds));
  if (s < 60) return fmt::format("{}s", s);
  if (s < 3600) return fmt::format("{}m {:02}s", s / 60, s % 60);
  return fmt::format("{}h {:02}m {:02}s", s / 3600, s / 60 % 60, s % 60);
}

void add_details(Json& json, const Figure& figure) {
  for (const auto& [name, value] : figure.details) json["details"][figure.name][name] = number(value);
}

}  // namespace

std::vector<Figure> over_sets(const std::vector<std::vector<Figure>>& sets) {
  std::vector<Figure> result = sets.at(0);
  const auto n = static_cast<double>(sets.size());
  if (sets.size() == 1) return result;
  for (size_t i = 0; i < result.size(); ++i) {
    Figure& f = result[i];
    double squares = 0;
    f.value = f.seconds = 0;
    for (const auto& set : sets) f.value += set.at(i).value / n, f.seconds += set[i].seconds;
    for (const auto& set : sets) squares += (set[i].value - f.value) * (set[i].value - f.value);
    const double half = student_quantile(0.05, n - 1) * std::sqrt(squares / (n - 1) / n);
    f.low = f.value - half;
    f.high = f.value + half;
    f.interval = fmt::format("Student, over {} independent sets of generated samples", sets.size());
    f.details.clear();
  }
  return result;
}

std::string figure_json_line(const std::vector<Figure>& figures, const MetricLine& line) {
  const Figure& first = figures.at(0);
  Json json;
  for (const Figure& f : figures) json["results"][f.name] = number(f.value);
  json["metric"] = first.metric;
  json["total_time"] = first.seconds;
  json["total_time_str"] = duration(first.seconds);
  json["snapshot_pkl"] = line.model;
  json["timestamp"] = line.timestamp;
  if (line.kimg >= 0) json["kimg"] = line.kimg;
  for (const Figure& f : figures) {
    json["label"][f.name] = f.label;
    json["low"][f.name] = number(f.low);
    json["high"][f.name] = number(f.high);
    json["interval"][f.name] = f.interval;
    if (f.has_floor) json["floor"][f.name] = number(f.floor);
    json["higher_is_better"][f.name] = f.higher_is_better;
  }
  for (const Figure& f : figures) add_details(json, f);
  if (first.has_floor) json["n_floor"] = first.n_floor;
  json["n_real"] = first.n_real;
  json["n_fake"] = first.n_fake;
  json["seed"] = first.seed;
  json["features"] = first.features;
  json["features_hash"] = first.features_hash;
  json["features_accuracy"] = number(first.features_accuracy);
  json["resize"] = first.resize;
  json["protocol"] = first.protocol;
  json["data"] = line.data;
  json["model_hash"] = line.model_hash;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

static std::vector<std::vector<Figure>> by_metric(const std::vector<Figure>& figures) {
  std::vector<std::vector<Figure>> groups;
  for (const Figure& f : figures) {
    if (groups.empty() || groups.back()[0].metric != f.metric) groups.emplace_back();
    groups.back().push_back(f);
  }
  return groups;
}

std::vector<std::string> figure_json_lines(const std::vector<Figure>& figures, const MetricLine& line) {
  std::vector<std::string> lines;
  for (const auto& group : by_metric(figures)) lines.push_back(figure_json_line(group, line));
  return lines;
}

void append_figures(const std::string& folder, const std::vector<Figure>& figures, const MetricLine& line) {
  for (const auto& group : by_metric(figures)) {
    const std::string path = folder + "/metric-" + group[0].metric + ".jsonl";
    std::ofstream file(path, std::ios::app | std::ios::binary);
    file << figure_json_line(group, line) + "\n" << std::flush;
    if (!file) fail("{}: cannot be written ({})", path, std::strerror(errno));
  }
}

}  // namespace obverse
