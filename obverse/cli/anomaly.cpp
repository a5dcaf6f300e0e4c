#include "obverse/apps/anomaly.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "obverse/apps/anomaly_data.h"
#include "obverse/apps/anomaly_figures.h"
#include "obverse/apps/detection.h"
#include "obverse/cli/commands.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/data/columns.h"
#include "obverse/io/files.h"

namespace obverse {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

struct FitCommand {
  std::string model, normal, method = "reconstruction", out = "anomaly";
  AnomalyOptions options;
  double false_alarms = 0.05;
  int64_t seed = 0;
  bool json = false;
};

struct ScoreCommand {
  std::string detector = "anomaly", data, model, out;
  std::vector<std::string> normal_classes;
  int64_t count = 0, seed = 0;
  bool json = false;
};

struct ReportCommand {
  std::vector<std::string> folders;
  bool json = false;
};

void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) fail("{}: cannot make the folder ({}): name another with --out", path, error.message());
}

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

Json list_of(const at::Tensor& values) {
  const at::Tensor plain = values.to(at::kDouble).contiguous();
  return std::vector<double>(plain.data_ptr<double>(), plain.data_ptr<double>() + plain.numel());
}

Json labels_of(const at::Tensor& scores, double threshold) {
  const at::Tensor plain = (scores > threshold).to(at::kLong).contiguous();
  return std::vector<int64_t>(plain.data_ptr<int64_t>(), plain.data_ptr<int64_t>() + plain.numel());
}

void run_fit(FitCommand c) {
  find_row(anomaly_table(), "method", c.method);
  LoadedModel loaded = load_model(c.model);
  const NormalData data = load_normal(loaded, c.normal);
  for (const std::string& notice : data.notices) fmt::print(stderr, "note: {}\n", notice);
  Rng rng(static_cast<uint64_t>(c.seed), "anomaly fit");
  const auto start = Clock::now();
  Detector detector = fit_detector(*loaded.model, c.method, c.options, data.normal, data.held_out, c.false_alarms, rng);
  detector.seen = data.seen;
  const double spent = seconds_since(start);
  make_folder(c.out);
  write_detector(c.out + "/detector.safetensors", detector);
  const Json json = {{"method", detector.method},
                     {"model", detector.model},
                     {"model_hash", detector.model_hash},
                     {"data", data.name},
                     {"normal", data.normal.size(0)},
                     {"held_out", data.held_out.size(0)},
                     {"seen_in_training", detector.seen},
                     {"contamination", detector.false_alarms},
                     {"threshold_", detector.threshold},
                     {"seconds", spent},
                     {"decision_scores_", list_of(detector.normal_scores)},
                     {"labels_", labels_of(detector.normal_scores, detector.threshold)}};
  write_file(c.out + "/fit.json", json.dump(1) + "\n");
  if (c.json) return fmt::print("{}\n", json.dump(1));
  fmt::print("{} by {}: {} normal samples, threshold {:.5g} from {} held out, false alarms at most {:g} %\n", data.name,
             c.method, data.normal.size(0), detector.threshold, data.held_out.size(0), 100 * c.false_alarms);
  fmt::print("{}/detector.safetensors\n", c.out);
}

Json share_json(const Share& s) {
  if (!std::isfinite(s.value)) return nullptr;
  return {{"value", s.value}, {"low", s.low}, {"high", s.high}};
}

Json detection_json(const Detection& d) {
  return {{"anomalies", d.anomalies},
          {"normals", d.normals},
          {"auroc", share_json(d.auroc)},
          {"auprc", share_json(d.average_precision)},
          {"precision", share_json(d.precision)},
          {"recall", share_json(d.recall)},
          {"false_alarms", share_json(d.false_alarms)},
          {"f1", std::isfinite(d.f1.value) ? Json(d.f1.value) : Json(nullptr)}};
}

// Where the scores lie: of the normal samples held out, and of those scored, apart by kind where that is known.
Json histogram_json(const Detector& detector, const at::Tensor& score, const at::Tensor& anomalous) {
  constexpr int64_t kBins = 40;
  const at::Tensor all = at::cat({detector.normal_scores, score});
  const double low = all.min().item<double>(), high = at::quantile(all, 0.99).item<double>();
  Json json = {{"low", low}, {"high", high}, {"held_out", nullptr}};
  const auto add = [&](const char* name, const at::Tensor& part) {
    if (part.size(0) > 0) json[name] = list_of(score_histogram(part, low, high, kBins));
  };
  add("held_out", detector.normal_scores);
  if (!anomalous.defined()) {
    add("scored", score);
    return json;
  }
  add("normal", score.masked_select(anomalous.logical_not()));
  add("anomalous", score.masked_select(anomalous));
  return json;
}

// One line a sample: for spreadsheets, and for programs that read lines of JSON.
void write_lines(const std::string& out, const ScoredData& data, const at::Tensor& score, const at::Tensor& p_value,
                 double threshold) {
  std::string csv = "sample,name,class,score,p_value,label\n", lines;
  const auto* s = score.data_ptr<double>();
  const auto* p = p_value.data_ptr<double>();
  for (int64_t i = 0; i < score.size(0); ++i) {
    const std::string name = data.names.empty() ? "" : data.names[static_cast<size_t>(i)], kind = data.class_of(i);
    const int label = s[i] > threshold;
    csv += fmt::format("{},{},{},{:.9g},{:.6g},{}\n", i, csv_cell(name), csv_cell(kind), s[i], p[i], label);
    Json line = {{"sample", i}, {"score", s[i]}, {"p_value", p[i]}, {"label", label}};
    if (!name.empty()) line["name"] = name;
    if (!kind.empty()) line["class"] = kind;
    lines += line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  write_file(out + "/scores.csv", csv);
  write_file(out + "/scores.jsonl", lines);
}

void print_share(const char* name, const Json& d, const char* key) {
  if (!d[key].is_null())
    fmt::print("  {:13} {:.4f}  ({:.4f} to {:.4f})\n", name, d[key]["value"].get<double>(), d[key]["low"].get<double>(),
               d[key]["high"].get<double>());
}

void print_score(const Json& s, const std::string& out) {
  fmt::print("{} samples of {} by {}: {} alarms above {:.5g}, {:.2g} s a sample\n", s["samples"].get<int64_t>(),
             s["data"].get<std::string>(), s["method"].get<std::string>(), s["alarms"].get<int64_t>(),
             s["threshold_"].get<double>(), s["seconds_per_sample"].get<double>());
  if (const Json& d = s["detection"]; !d.is_null()) {
    fmt::print("  {} anomalies, {} normal\n", d["anomalies"].get<int64_t>(), d["normals"].get<int64_t>());
    for (const char* key : {"auroc", "auprc", "precision", "recall", "false_alarms"}) print_share(key, d, key);
  }
  fmt::print("{}\n", out);
}

void run_score(const ScoreCommand& c) {
  const bool file = !std::filesystem::is_directory(c.detector);
  const std::string path = file ? c.detector : c.detector + "/detector.safetensors";
  Detector detector = read_detector(path);
  LoadedModel loaded = load_model(c.model.empty() ? detector.model : c.model);
  check_model(detector, *loaded.model);
  const ScoredData data = load_scored(loaded, c.data, c.normal_classes, c.count);
  for (const std::string& notice : data.notices) fmt::print(stderr, "note: {}\n", notice);
  Rng rng(static_cast<uint64_t>(c.seed), "anomaly score");
  const auto start = Clock::now();
  const AnomalyScores scores = score_samples(detector, *loaded.model, data.x, rng);
  const double spent = seconds_since(start) / static_cast<double>(data.x.size(0));
  const std::string parent = std::filesystem::path(c.detector).parent_path().string();
  const std::string out = !c.out.empty() ? c.out : file ? parent.empty() ? "." : parent : c.detector;
  make_folder(out);
  write_lines(out, data, scores.value, conformal_p_values(detector.normal_scores, scores.value), detector.threshold);
  Json json = {{"method", detector.method},
               {"model", loaded.model->name},
               {"model_hash", detector.model_hash},
               {"data", data.name},
               {"samples", data.x.size(0)},
               {"alarms", (scores.value > detector.threshold).sum().item<int64_t>()},
               {"contamination", detector.false_alarms},
               {"seen_in_training", detector.seen},
               {"seconds_per_sample", spent},
               {"normal_classes", data.normal_classes},
               {"detection", nullptr},
               {"threshold_", detector.threshold}};
  if (data.anomalous.defined())
    json["detection"] = detection_json(judge_detection(scores.value, data.anomalous, detector.threshold));
  json["histogram"] = histogram_json(detector, scores.value, data.anomalous);
  json["decision_scores_"] = list_of(scores.value);
  json["labels_"] = labels_of(scores.value, detector.threshold);
  write_anomaly_figures(out, data, scores, detector);
  write_file(out + "/summary.json", json.dump(1) + "\n");
  c.json ? fmt::print("{}\n", json.dump(1)) : print_score(json, out);
}

// A row for each folder that `score` wrote.
void run_report(const ReportCommand& c) {
  Json rows = Json::array();
  for (const std::string& folder : c.folders) {
    Json summary = Json::parse(read_file(folder + "/summary.json"), nullptr, false);
    if (!summary.is_object() || !summary.contains("method") || !summary.contains("detection"))
      fail("{}/summary.json: not what obverse anomaly score writes", folder);
    summary.erase("decision_scores_");
    summary.erase("labels_");
    rows.push_back({{"folder", folder}, {"summary", summary}});
  }
  if (c.json) return fmt::print("{}\n", rows.dump(1));
  fmt::print("{:28} {:>8} {:>8} {:>10} {:>8} {:>13} {:>12}\n", "method", "AUROC", "AUPRC", "precision", "recall",
             "false alarms", "s a sample");
  for (const Json& row : rows) {
    const Json& s = row["summary"];
    const auto cell = [&](const char* key) {
      const Json& d = s["detection"];
      return d.is_object() && d.contains(key) && d[key].is_object() ? fmt::format("{:.4f}", d[key].value("value", 0.0))
                                                                    : std::string("-");
    };
    fmt::print("{:28} {:>8} {:>8} {:>10} {:>8} {:>13} {:>12.2g}\n", s.value("method", ""), cell("auroc"), cell("auprc"),
               cell("precision"), cell("recall"), cell("false_alarms"), s.value("seconds_per_sample", 0.0));
  }
}

void setup_fit(CLI::App& app) {
  auto c = std::make_shared<FitCommand>();
  AnomalyOptions& o = c->options;
  app.add_option("model", c->model, "model file or run folder")->required();
  app.add_option("--normal", c->normal, "normal data, by name or path; none: what the model was trained on");
  app.add_option("--method", c->method, "how strangeness is scored: obverse list anomaly-methods")
      ->capture_default_str();
  app.add_option("--false-alarms", c->false_alarms, "share of normal samples that may raise an alarm")
      ->check(CLI::Range(1e-6, 0.5))
      ->capture_default_str();
  app.add_option("--neighbours", o.neighbours, "*-neighbours: how many")->check(CLI::Range(1, 10'000));
  app.add_option("--components", o.components, "code-mixture: Gaussians")->check(CLI::Range(1, 1000));
  app.add_option("--draws", o.draws, "elbo, likelihood, typicality: draws a sample")->check(CLI::Range(1, 100'000));
  app.add_option("--kappa", o.kappa, "f-anogan: weight of features")->check(CLI::NonNegativeNumber);
  app.add_option("--lambda", o.lambda, "anogan, egbad: share of features")->check(CLI::Range(0.0, 1.0));
  app.add_option("--steps", o.optimise.steps, "anogan: gradient steps")->check(CLI::Range(0, 1'000'000));
  app.add_option("--restarts", o.optimise.restarts, "anogan: codes tried")->check(CLI::Range(1, 10'000));
  app.add_option("--learning-steps", o.learning_steps, "ganomaly, alad: steps of the further network")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--seed", c->seed, "of what is drawn")->capture_default_str();
  app.add_option("--out", c->out, "folder for detector.safetensors and fit.json")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_flag("--json", c->json, "print fit.json");
  app.callback([c] { run_fit(*c); });
}

void setup_score(CLI::App& app) {
  auto c = std::make_shared<ScoreCommand>();
  app.add_option("detector", c->detector, "folder or file that fit wrote")->required();
  app.add_option("data", c->data, "data to score, by name or path; none: the test split of the model's data");
  app.add_option("--model", c->model, "where the model lies now, if it was moved");
  app.add_option("--normal-classes", c->normal_classes,
                 "classes that are normal, by name, with commas; else those the model was trained on, or 'good'")
      ->delimiter(',')
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  app.add_option("--count", c->count, "so many samples alone, the first; 0: all")->check(CLI::Range(0, 1 << 30));
  app.add_option("--seed", c->seed, "of what is drawn")->capture_default_str();
  app.add_option("--out", c->out, "folder for scores.csv, scores.jsonl, summary.json, pictures; else the detector's")
      ->type_name("DIR");
  app.add_flag("--json", c->json, "print summary.json");
  app.callback([c] { run_score(*c); });
}

}  // namespace

void setup_anomaly(CLI::App& app) {
  app.require_subcommand(1);
  setup_fit(*app.add_subcommand("fit", "learn what is normal, and where to raise an alarm"));
  setup_score(*app.add_subcommand("score", "score samples; measure, where labels say what is normal"));
  auto c = std::make_shared<ReportCommand>();
  CLI::App* report = app.add_subcommand("report", "put several scorings side by side");
  report->add_option("folders", c->folders, "folders that score wrote")->required();
  report->add_flag("--json", c->json, "for programs");
  report->callback([c] { run_report(*c); });
}

}  // namespace obverse
