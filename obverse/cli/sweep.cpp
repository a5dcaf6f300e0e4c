#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "obverse/cli/commands.h"
#include "obverse/cli/interrupt.h"
#include "obverse/cli/train_hooks.h"
#include "obverse/core/error.h"
#include "obverse/core/student.h"
#include "obverse/core/table.h"
#include "obverse/io/files.h"
#include "obverse/metrics/evaluate.h"
#include "obverse/report/run.h"
#include "obverse/train/stopping.h"
#include "obverse/train/trainer.h"

namespace obverse {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct SweepCommand {
  std::string recipe, out = "sweep", metric = "fid", figure;
  std::vector<std::string> vary, set;
  int64_t seeds = 1;
  bool all = false, json = false;
};

/// One choice of values for the keys that vary.
struct Setting {
  std::string name;                    // "lr=0.001,weight=1"
  std::vector<std::string> overrides;  // "game.r1.weight=1"
};

/// A setting with a seed: a run.
struct Trial {
  const Setting* setting;
  int64_t seed;
  Recipe recipe;
  std::string run;      // its folder; empty before it began
  std::string outcome;  // finished, stopped, gave up; empty while it is open
  MeasuredCurve curve;
};

// "key=a,b,[c,d]" to key and values; commas within brackets, braces and quotes part nothing.
std::pair<std::string, std::vector<std::string>> values_of(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
    fail("--vary {}: write it as key=value,value: game.r1.weight=0.1,1,10", text);
  std::vector<std::string> values(1);
  int depth = 0;
  bool quoted = false;
  for (const char c : text.substr(equals + 1)) {
    if (c == '"' || c == '\'') quoted = !quoted;
    depth += quoted ? 0 : (c == '[' || c == '{') - (c == ']' || c == '}');
    if (c == ',' && depth == 0 && !quoted)
      values.emplace_back();
    else
      values.back() += c;
  }
  for (const std::string& value : values)
    if (value.empty()) fail("--vary {}: holds an empty value", text);
  return {text.substr(0, equals), values};
}

std::string last_part(const std::string& key) { return key.substr(key.rfind('.') + 1); }

std::vector<Setting> settings_of(const std::vector<std::string>& vary) {
  std::vector<Setting> settings(1);
  std::map<std::string, int> parts;
  for (const std::string& text : vary) ++parts[last_part(values_of(text).first)];
  for (const std::string& text : vary) {
    const auto [key, values] = values_of(text);
    const std::string shown = parts[last_part(key)] > 1 ? key : last_part(key);
    std::vector<Setting> next;
    for (const Setting& before : settings)
      for (const std::string& value : values) {
        Setting setting = before;
        setting.overrides.push_back(key + "=" + value);
        setting.name += (setting.name.empty() ? "" : ",") + shown + "=" + value;
        next.push_back(std::move(setting));
      }
    settings = std::move(next);
  }
  return settings;
}

std::string as_file_name(std::string text) {
  for (char& c : text)
    if (!std::isalnum(static_cast<unsigned char>(c)) && std::string("._-=,").find(c) == std::string::npos) c = '_';
  return text;
}

// Of the metric that decides: the figure named, else its first.
void read_curve(const SweepCommand& c, Trial& trial, bool& higher_is_better) {
  trial.curve.clear();
  std::string name = c.figure;
  for (const Measurement& m : read_run(trial.run).measurements) {
    if (m.metric.empty() || !m.kimg) continue;
    if (name.empty()) name = m.label;
    if (m.label != name) continue;
    trial.curve.emplace_back(*m.kimg, m.value);
    higher_is_better = m.higher_is_better.value_or(false);
  }
  if (trial.curve.empty() && !c.figure.empty())
    fail("--figure {}: {} has no such figure: leave it out, or look at {}", c.figure, c.metric, trial.run);
}

// Runs of an earlier call are taken up: those of the same recipe, however it was written.
void find_earlier(const std::string& out, std::vector<Trial>& trials) {
  std::error_code none;
  std::vector<std::string> paths;
  for (const auto& entry : fs::directory_iterator(out, none))
    if (fs::exists(entry.path() / "recipe.toml")) paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    Recipe recipe = read_recipe(path + "/recipe.toml");
    for (Trial& trial : trials) {
      if (!trial.run.empty() || !differing_options(trial.recipe, recipe).empty()) continue;
      trial.run = path;
      if (fs::exists(path + "/sweep.json"))
        trial.outcome = Json::parse(read_file(path + "/sweep.json")).value("outcome", "");
      break;
    }
  }
}

// Trains it to its end, or until it is hopeless beside those that have finished. False: interrupted.
bool play(const SweepCommand& c, Trial& trial, const std::vector<Trial>& trials, bool& higher_is_better) {
  const auto data = std::make_shared<const Dataset>(load_dataset(trial.recipe.data, "train"));
  check_evaluation(trial.recipe);
  build_game(trial.recipe, data->domain);
  const RunFolder run = trial.run.empty() ? RunFolder::create(c.out, trial.recipe.name) : RunFolder::open(trial.run);
  if (trial.run.empty()) write_file(run.file("recipe.toml"), write_options(trial.recipe));
  trial.run = run.path();
  std::atomic<bool> stop = false;
  bool given_up = false;
  TrainHooks hooks = metric_hooks(trial.recipe, data);
  const auto evaluate = hooks.evaluate;
  hooks.progress = [&](const Progress&) {
    if (interrupted()) stop = true;
  };
  hooks.evaluate = [&](LatentModel& model, double kimg, const RunFolder& folder) {
    const auto values = evaluate(model, kimg, folder);
    read_curve(c, trial, higher_is_better);
    std::vector<MeasuredCurve> finished;
    for (const Trial& other : trials)
      if (other.outcome == "finished") finished.push_back(other.curve);
    const bool last = kimg >= trial.recipe.train.kimg;
    if (!c.all && !last && hopeless(trial.curve, finished, higher_is_better)) stop = given_up = true;
    return values;
  };
  hooks.stop = &stop;
  const Outcome outcome = train(trial.recipe, data, run, hooks);
  if (outcome == Outcome::interrupted && !given_up) return false;
  trial.outcome = outcome == Outcome::gave_up ? "gave up" : given_up ? "stopped" : "finished";
  write_file(run.file("sweep.json"), Json{{"setting", trial.setting->name}, {"outcome", trial.outcome}}.dump(1) + "\n");
  read_curve(c, trial, higher_is_better);
  return true;
}

/// What a setting came to: over the seeds that finished.
struct Result {
  const Setting* setting;
  std::vector<double> values;
  int64_t trials = 0;
  double mean = NAN, half = NAN;  // Student's 95 % interval, of two seeds or more
};

std::vector<Result> results_of(const std::vector<Setting>& settings, const std::vector<Trial>& trials, bool higher) {
  std::vector<Result> results;
  for (const Setting& setting : settings) {
    Result r{&setting, {}};
    for (const Trial& trial : trials) {
      if (trial.setting != &setting) continue;
      ++r.trials;
      if (trial.outcome == "finished" && !trial.curve.empty()) r.values.push_back(trial.curve.back().second);
    }
    const auto n = static_cast<double>(r.values.size());
    if (n > 0) r.mean = 0;
    for (const double value : r.values) r.mean += value / n;
    double squares = 0;
    for (const double value : r.values) squares += (value - r.mean) * (value - r.mean);
    if (n > 1) r.half = student_quantile(0.05, n - 1) * std::sqrt(squares / (n - 1) / n);
    results.push_back(std::move(r));
  }
  // All seeds before some, some before none; then the better first.
  std::stable_sort(results.begin(), results.end(), [&](const Result& a, const Result& b) {
    if (a.values.size() != b.values.size()) return a.values.size() > b.values.size();
    return higher ? a.mean > b.mean : a.mean < b.mean;
  });
  return results;
}

void print_results(const SweepCommand& c, const std::vector<Result>& results) {
  if (c.json) {
    Json all = Json::array();
    const auto number = [](double v) { return std::isfinite(v) ? Json(v) : Json(nullptr); };
    for (const Result& r : results)
      all.push_back({{"setting", r.setting->overrides},
                     {"mean", number(r.mean)},
                     {"low", number(r.mean - r.half)},
                     {"high", number(r.mean + r.half)},
                     {"values", r.values},
                     {"trials", r.trials}});
    fmt::print("{}\n", all.dump(1));
    return;
  }
  size_t width = 7;
  for (const Result& r : results) width = std::max(width, r.setting->name.size());
  fmt::print("{:{}}  {:10}  {:22}  seeds finished\n", "setting", width, c.figure.empty() ? c.metric : c.figure,
             "95 % interval");
  for (const Result& r : results)
    fmt::print("{:{}}  {:10}  {:22}  {} of {}\n", r.setting->name, width,
               std::isfinite(r.mean) ? fmt::format("{:.4g}", r.mean) : "-",
               std::isfinite(r.half) ? fmt::format("[{:.4g}, {:.4g}]", r.mean - r.half, r.mean + r.half) : "-",
               r.values.size(), r.trials);
}

void run_sweep(const SweepCommand& c) {
  find_row(metric_table(), "metric", c.metric);
  const std::vector<Setting> settings = settings_of(c.vary);
  std::vector<Trial> trials;
  for (int64_t seed = 0; seed < c.seeds; ++seed)
    for (const Setting& setting : settings) {
      std::vector<std::string> overrides = c.set;
      overrides.insert(overrides.end(), setting.overrides.begin(), setting.overrides.end());
      overrides.push_back(fmt::format("train.seed={}", seed));
      overrides.push_back(fmt::format("eval.metrics=[\"{}\"]", c.metric));
      Recipe recipe = read_recipe(c.recipe, overrides);
      recipe.name = as_file_name(recipe.name + "-" + setting.name);
      trials.push_back({&setting, seed, std::move(recipe), "", "", {}});
    }
  find_earlier(c.out, trials);
  bool higher_is_better = false;
  for (Trial& trial : trials)
    if (!trial.outcome.empty()) read_curve(c, trial, higher_is_better);
  catch_interrupts();
  size_t number = 0;
  for (Trial& trial : trials) {
    ++number;
    if (trial.outcome.empty()) {
      fmt::print(stderr, "{}/{}: {}, seed {}\n", number, trials.size(), trial.setting->name, trial.seed);
      if (!play(c, trial, trials, higher_is_better)) {
        fmt::print(stderr, "stopped and saved; the same command goes on\n");
        throw CLI::RuntimeError(1);
      }
    }
    fmt::print(stderr, "{}/{}: {}, seed {}: {}{}\n", number, trials.size(), trial.setting->name, trial.seed,
               trial.outcome,
               trial.curve.empty()
                   ? ""
                   : fmt::format(", {:.4g} at {:g} kimg", trial.curve.back().second, trial.curve.back().first));
  }
  const std::vector<Result> results = results_of(settings, trials, higher_is_better);
  print_results(c, results);
  if (results.front().values.empty()) fail("{}: no trial finished: see findings.jsonl of its runs", c.out);
  std::vector<std::string> overrides = c.set;
  overrides.insert(overrides.end(), results.front().setting->overrides.begin(),
                   results.front().setting->overrides.end());
  Recipe best = read_recipe(c.recipe, overrides);
  write_file(c.out + "/best.toml", write_options(best));
  fmt::print(stderr, "the best setting's recipe is in {}/best.toml; obverse compare {} tests the differences\n", c.out,
             c.out);
}

}  // namespace

void setup_sweep(CLI::App& app) {
  auto c = std::make_shared<SweepCommand>();
  app.add_option("recipe", c->recipe, "TOML file, see recipes/")->required();
  app.add_option("--vary", c->vary, "values to try of a key: game.r1.weight=0.1,1,10; several: all combinations")
      ->type_name("KEY=VALUE,...")
      ->required()
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  app.add_option("--set", c->set, "change a key of the recipe for all")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  app.add_option("--seeds", c->seeds, "runs of each setting, with seeds 0, 1, ...")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--metric", c->metric, "what decides, of those that 'obverse list metrics' names")
      ->capture_default_str();
  app.add_option("--figure", c->figure, "which of its figures; else its first");
  app.add_option("--out", c->out, "folder of the runs and of best.toml; with runs of the same sweep it goes on")
      ->capture_default_str();
  app.add_flag("--all", c->all, "train every run to its end, without early stopping");
  app.add_flag("--json", c->json, "for programs");
  app.callback([c] { run_sweep(*c); });
}

}  // namespace obverse
