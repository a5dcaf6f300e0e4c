#include <ATen/ATen.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <ctime>
#include <filesystem>

#include "obverse/cli/commands.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/games/recipe.h"
#include "obverse/metrics/evaluate.h"

namespace obverse {
namespace {

namespace fs = std::filesystem;

struct EvalCommand {
  std::string model, data, real, fake, features, path;
  int64_t size = 0;
  EvaluateOptions options;
  bool json = false;
};

void log_line(const std::string& line) { fmt::print(stderr, "{}\n", line); }

// The run folder that the model lies in; empty when it lies in none.
std::string run_folder_of(const std::string& model) {
  const fs::path path(model);
  const fs::path folder = fs::is_directory(path) ? path : path.parent_path();
  return fs::exists(folder / "recipe.toml") ? folder.string() : "";
}

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

// One line that says how the samples differ from the data, and what to do.
void check_alike(const Dataset& train, const Domain& fake, const std::string& fake_name) {
  const Domain& real = train.domain;
  if (fake.kind == real.kind && fake.shape == real.shape) return;
  std::string advice = "name the data that the samples should look like";
  if (fake.kind == Domain::Kind::image && real.kind == Domain::Kind::image) {
    advice = fake.shape.at(0) == real.shape.at(0) ? "--size N resizes the pictures to N x N"
                                                  : "convert one of them, in grey or in colour alike";
  }
  fail("{} holds {}, {} gives {}: {}", train.name, real.text(), fake_name, fake.text(), advice);
}

// Measures `fake` against the data set that `options` name, prints, and records in `run` when it is a folder.
// model: what makes the samples, or null.
void measure(const EvalCommand& c, const DataOptions& options, const Domain& fake_domain, const SampleSource& fake,
             LatentModel* model, MetricLine line, const std::string& run) {
  const Dataset train = load_dataset(options, "train"), test = load_dataset(options, "test");
  check_alike(train, fake_domain, line.model);
  const auto network = choose_features(c.features, options, train, log_line);
  const std::vector<Figure> figures = evaluate(c.options, train, test, fake, *network, model);
  line.data = options.source;
  line.timestamp = static_cast<double>(std::time(nullptr));
  if (c.json) {
    print_json(figures, line);
  } else {
    print_table(figures);
  }
  if (!run.empty()) append_figures(run, figures, line);  // last: the figures are out if this cannot be written
}

void measure_model(const EvalCommand& c) {
  const LoadedModel loaded = load_model(c.model);
  DataOptions options = loaded.recipe.data;
  if (!c.data.empty()) {
    options.source = c.data;
    options.path = c.path;
  }
  if (c.size > 0) options.size = c.size;
  LatentModel& model = *loaded.model;
  const SampleSource fake = [&](int64_t n, Rng& rng) { return sample(model, n, rng); };
  MetricLine line;
  line.model = model.name;
  line.model_hash = model.hash;
  measure(c, options, model.domain(), fake, &model, line, run_folder_of(c.model));
}

// Every sample of a source, both of its splits.
Dataset whole_dataset(const DataOptions& options) {
  Dataset all = load_dataset(options, "train");
  const Dataset test = load_dataset(options, "test");
  all.samples = at::cat({all.samples, test.samples});
  if (all.labels.defined()) all.labels = at::cat({all.labels, test.labels});
  return all;
}

void measure_sets(EvalCommand c) {
  DataOptions real, other;
  real.source = c.real;
  real.path = c.path;
  other.source = c.fake;
  real.size = other.size = c.size;
  const Dataset fake = whole_dataset(other);
  if (c.options.samples > fake.size())
    fail("--samples {}: {} holds {}: ask for at most as many", c.options.samples, c.fake, fake.size());
  if (c.options.samples == 0) c.options.samples = std::min<int64_t>(10'000, fake.size());
  const at::Tensor order = Rng(c.options.seed, "evaluated samples").permutation(fake.size());
  int64_t done = 0;
  const SampleSource source = [&](int64_t n, Rng&) {
    done += n;
    return fake.get(order.slice(0, done - n, done));
  };
  MetricLine line;
  line.model = c.fake;
  line.model_hash = fake.hash();
  measure(c, real, fake.domain, source, nullptr, line, "");
}

void run_eval(const EvalCommand& c) {
  const bool sets = !c.real.empty() || !c.fake.empty();
  if (sets == !c.model.empty())
    fail("eval: name a model or run folder, or else two sets of samples by --real and --fake");
  if (sets && (c.real.empty() || c.fake.empty())) fail("eval: --real and --fake go together");
  if (sets && !c.data.empty()) fail("eval: --data is for models: --real names the data here");
  for (const std::string& name : c.options.metrics) find_row(metric_table(), "metric", name);
  sets ? measure_sets(c) : measure_model(c);
}

}  // namespace

void setup_eval(CLI::App& app) {
  auto c = std::make_shared<EvalCommand>();
  app.add_option("model", c->model, "model file or run folder");
  app.add_option("--real", c->real, "real samples: a data set's name, a folder, a .zip or .npz");
  app.add_option("--fake", c->fake, "samples to judge against --real: as there");
  app.add_option("--data", c->data, "data set to judge a model against; else the one it was trained on");
  app.add_option("--data-path", c->path, "where that data set lies, if not in its usual place");
  app.add_option("--size", c->size, "resize pictures to so many pixels a side")->check(CLI::Range(1, 4096));
  app.add_option(
         "--metrics", c->options.metrics,
         "some of those that 'obverse list metrics' names, with commas; else fid, kid, pr, dc and, where they suit the "
         "data, classes and modes")
      ->delimiter(',');
  app.add_option("--samples", c->options.samples,
                 "generated samples; else 10000, 2500 for mixtures, 26000 for Stacked MNIST")
      ->check(CLI::Range(1, 100'000'000));
  app.add_option("--features", c->features,
                 "TorchScript network (FILE.pt, with a card FILE.json), a data set whose classifier to use, or pixels");
  app.add_option("--seed", c->options.seed, "of samples and subsets")->capture_default_str();
  app.add_flag("--allow-few", c->options.allow_few,
               "measure fid also with fewer samples than features: it is far too large");
  app.add_flag("--json", c->json, "for programs");
  app.callback([c] { run_eval(*c); });
}

}  // namespace obverse
