#include <ATen/ATen.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "obverse/cli/commands.h"
#include "obverse/cli/figures.h"
#include "obverse/cli/invert_targets.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/data/columns.h"
#include "obverse/games/recipe.h"
#include "obverse/infer/model_metrics.h"
#include "obverse/metrics/evaluate.h"

namespace obverse {
namespace {

struct EvalCommand {
  std::string model, data, real, fake, features, path;
  int64_t size = 0, sets = 1;
  EvaluateOptions options;
  std::vector<std::string> model_metrics;  // of the names given, those of model_metric_table()
  ModelMetricOptions model_options;
  bool json = false;
};

void log_line(const std::string& line) { fmt::print(stderr, "{}\n", line); }

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

// Against mean and covariance of a file, which tell nothing but the Fréchet distance.
void measure_statistics(const EvalCommand& c, const DataOptions& options, const Domain& domain,
                        const SampleSource& fake, MetricLine line) {
  if (c.features.empty())
    fail("{}: statistics do not tell their feature network: give it by --features", options.source);
  if (c.options.metrics != std::vector<std::string>{"fid"})
    fail("{}: statistics allow fid alone: give --metrics fid", options.source);
  Dataset shape;  // samples of the kind at hand, none of them
  shape.name = options.source;
  shape.domain = domain;
  const auto network = choose_features(c.features, options, shape, log_line);
  line.data = options.source;
  if (c.sets > 1) fail("{}: statistics allow one set: leave out --sets", options.source);
  report_figures({evaluate_statistics(c.options, read_statistics(options.source), domain, fake, *network)}, line, "",
                 c.json);
}

// The figures of each set of samples; the floors, which rest on the data alone, are those of the first set.
std::vector<std::vector<Figure>> figures_of_sets(const EvalCommand& c, Evaluator& evaluator, const SampleSource& fake,
                                                 LatentModel* model) {
  std::vector<std::vector<Figure>> sets;
  EvaluateOptions options = c.options;
  for (int64_t set = 0; set < c.sets; ++set) {
    sets.push_back(evaluator.evaluate(options, fake, model));
    options.floors = false;
    ++options.seed;
  }
  for (std::vector<Figure>& set : sets)
    for (size_t i = 0; i < set.size(); ++i) {
      const Figure& first = sets[0].at(i);
      set[i].has_floor = first.has_floor, set[i].floor = first.floor, set[i].n_floor = first.n_floor;
    }
  return sets;
}

// Measures `fake` against the data set that `options` name, prints, and records in `run` when it is a folder. loaded:
// the model that makes `fake`, or null.
void measure(const EvalCommand& c, const DataOptions& options, const Domain& fake_domain, const SampleSource& fake,
             LoadedModel* loaded, MetricLine line, const std::string& run) {
  if (is_statistics(options.source)) return measure_statistics(c, options, fake_domain, fake, line);
  const Dataset train = load_dataset_like(options, "train", fake_domain.columns);
  const Dataset test = load_dataset_like(options, "test", fake_domain.columns);
  check_alike(train, fake_domain, line.model);
  const auto network = choose_features(c.features, options, train, log_line);
  std::vector<std::vector<Figure>> sets = {{}};
  Evaluator evaluator(train, test, *network);
  LatentModel* model = loaded ? loaded->model.get() : nullptr;
  if (!c.options.metrics.empty() || c.model_metrics.empty())
    sets = figures_of_sets(c, evaluator, model ? source_of(*model, train) : fake, model);
  for (const std::string& name : c.model_metrics) {
    const ModelComparison comparison{*loaded, train, test, *network, c.model_options};
    for (Figure& figure : find_row(model_metric_table(), "metric", name).measure(comparison))
      sets[0].push_back(std::move(figure));
  }
  line.data = options.source;
  report_sets(sets, line, run, c.json);
}

void measure_model(const EvalCommand& c) {
  LoadedModel loaded = load_model(c.model);
  DataOptions options = data_named(c.data, loaded.recipe.data);
  options.limit = 0;  // however little of the data was trained on
  if (!c.path.empty()) options.path = c.path;
  if (c.size > 0) options.size = c.size;
  LatentModel& model = *loaded.model;
  if (model.translates() && (!c.options.metrics.empty() || c.model_metrics.empty()))
    fail("{}: translates images, it makes none to measure: use --metrics translation", c.model);
  const SampleSource fake = [&](int64_t n, Rng& rng) { return sample(model, n, rng); };
  MetricLine line;
  line.model = model.name;
  line.model_hash = model.hash;
  measure(c, options, loaded.domain, fake, &loaded, line, run_folder_of(c.model));
}

// What is allowed but hardly meant.
void warn_about(const EvalCommand& c, const DataOptions& real, const Dataset& fake) {
  const std::vector<std::string> known = names(dataset_table());
  const auto is_known = [&](const std::string& source) {
    return std::find(known.begin(), known.end(), source) != known.end();
  };
  if (is_known(c.fake) && !is_known(c.real))
    log_line(fmt::format("--fake {} is a data set and --real {} is not: are they swapped?", c.fake, c.real));
  if (!is_statistics(c.real) && load_dataset(real, "all").hash() == fake.hash())
    log_line("--real and --fake hold the same samples: distances are 0 by construction, and copies are all there is");
}

void measure_sets(EvalCommand c) {
  DataOptions real, other;
  real.source = c.real;
  real.path = c.path;
  other.source = c.fake;
  real.size = other.size = c.size;
  const bool tables = is_csv(c.real) && is_csv(c.fake);
  const Dataset fake =
      load_dataset_like(other, "all", tables ? load_dataset(real, "train").domain.columns : std::vector<TableColumn>());
  warn_about(c, real, fake);
  if (c.options.samples * c.sets > fake.size())
    fail("--samples {}: {} holds {}: ask for at most {}", c.options.samples, c.fake, fake.size(), fake.size() / c.sets);
  if (c.options.samples == 0) c.options.samples = std::min<int64_t>(10'000, fake.size() / c.sets);
  if (c.options.samples == 0) fail("--sets {}: {} holds {} samples: ask for fewer", c.sets, c.fake, fake.size());
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

// Takes the metrics of models out of those of samples.
void sort_metrics(EvalCommand& c) {
  std::vector<std::string> known = names(metric_table()), samples;
  for (const std::string& name : names(model_metric_table())) known.push_back(name);
  for (const std::string& name : c.options.metrics) {
    const std::vector<std::string> models = names(model_metric_table());
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw UserError(unknown_name("metric", name, known));
    const bool of_model = std::find(models.begin(), models.end(), name) != models.end();
    (of_model ? c.model_metrics : samples).push_back(name);
  }
  c.options.metrics = samples;
  c.model_options.seed = c.options.seed;
}

void run_eval(EvalCommand c) {
  const bool sets = !c.real.empty() || !c.fake.empty();
  if (sets == !c.model.empty())
    fail("eval: name a model or run folder, or else two sets of samples by --real and --fake");
  if (sets && (c.real.empty() || c.fake.empty())) fail("eval: --real and --fake go together");
  if (sets && !c.data.empty()) fail("eval: --data is for models: --real names the data here");
  sort_metrics(c);
  if (sets && !c.model_metrics.empty())
    fail("eval: {} looks at a model, not at samples: name a model in place of --real and --fake", c.model_metrics[0]);
  if (c.sets > 1 && !c.model_metrics.empty())
    fail("eval: {} is not of a set of samples: leave out --sets", c.model_metrics[0]);
  sets ? measure_sets(c) : measure_model(c);
}

}  // namespace

void setup_eval(CLI::App& app) {
  auto c = std::make_shared<EvalCommand>();
  app.add_option("model", c->model, "model file or run folder");
  app.add_option("--real", c->real,
                 "real samples: a data set's name, a folder, a .zip or .npz, or an .npz of mu and sigma");
  app.add_option("--fake", c->fake, "samples to judge against --real: as there");
  app.add_option("--data", c->data, "data set to judge a model against; else the one it was trained on");
  app.add_option("--data-path", c->path, "where that data set lies, if not in its usual place");
  app.add_option("--size", c->size, "resize pictures to so many pixels a side")->check(CLI::Range(1, 4096));
  app.add_option(
         "--metrics", c->options.metrics,
         "some of those that 'obverse list metrics' names, with commas; else fid, kid, pr, dc and, where they suit the "
         "data, classes and modes")
      ->delimiter(',')
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  app.add_option("--samples", c->options.samples,
                 "generated samples; else 10000, 2500 for mixtures, 26000 for Stacked MNIST")
      ->check(CLI::Range(1, 100'000'000));
  app.add_option("--sets", c->sets, "independent sets of so many samples: their mean and its interval over the sets")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--features", c->features,
                 "TorchScript network (FILE.pt, with a card FILE.json), a data set whose classifier to use, or pixels");
  app.add_option("--seed", c->options.seed, "of samples and subsets")->capture_default_str();
  c->model_options.invert.method = "encode";
  app.add_option("--method", c->model_options.invert.method, "inference: how codes are inferred")
      ->check(CLI::IsMember(names(invert_table())))
      ->capture_default_str();
  app.add_option("--inverted", c->model_options.inverted, "inference: held-out samples, and own ones, to invert")
      ->check(CLI::Range(4, 10'000'000))
      ->capture_default_str();
  app.add_option("--restarts", c->model_options.invert.optimise.restarts, "inference: codes tried for each image")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--budget-ms", c->model_options.invert.budget_ms, "inference: milliseconds an image at most; 0: none")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--probe", c->model_options.probe,
                 "inference: what labels are read off: codes, both (the encoder's features too: minutes), none")
      ->check(CLI::IsMember({"codes", "both", "none"}))
      ->capture_default_str();
  app.add_option("--bound-samples", c->model_options.bound_samples, "likelihood: draws for each sample's lower bound")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  app.add_flag("--allow-few", c->options.allow_few,
               "measure fid also with fewer samples than features: it is far too large");
  app.add_flag("!--no-floors", c->options.floors, "do without the same metrics of test data");
  app.add_flag("--json", c->json, "for programs");
  app.callback([c] { run_eval(*c); });
}

}  // namespace obverse
