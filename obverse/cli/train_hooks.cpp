#include "obverse/cli/train_hooks.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>

#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/data/columns.h"
#include "obverse/io/image.h"
#include "obverse/metrics/evaluate.h"
#include "obverse/metrics/neighbours.h"

namespace obverse {
namespace {

constexpr int64_t kMonitored = 1000;     // real and generated samples that the monitors compare
constexpr int64_t kLeastMonitored = 20;  // of fewer training samples a share that is covered means nothing

/// Everything that measuring needs, made when it is first asked for.
struct Judge {
  const Recipe& recipe;
  std::shared_ptr<const Dataset> train;
  Dataset whole, test;  // figures are against all of the data, however little of it is trained on
  std::unique_ptr<FeatureNetwork> network;
  std::unique_ptr<Evaluator> evaluator;
  at::Tensor monitored;  // features of real samples

  Judge(const Recipe& r, std::shared_ptr<const Dataset> data) : recipe(r), train(std::move(data)) {}

  void prepare() {
    if (evaluator) return;
    const Log log = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
    DataOptions all = recipe.data;
    all.limit = 0;
    const std::vector<TableColumn>& columns = train->domain.columns;
    whole = recipe.data.limit > 0 ? load_dataset_like(all, "train", columns) : *train;
    network = choose_features(recipe.eval.features, all, whole, log);
    test = load_dataset_like(all, "test", columns);
    evaluator = std::make_unique<Evaluator>(whole, test, *network);
    Rng rng(0, "monitor");
    monitored = features_of(*network, train->draw(std::min(kMonitored, train->size()), rng).x);
  }
};

}  // namespace

void check_evaluation(const Recipe& recipe) {
  for (const std::string& name : recipe.eval.metrics) find_row(metric_table(), "eval.metrics: metric", name);
  check_features(recipe.eval.features);
}

TrainHooks metric_hooks(const Recipe& recipe, std::shared_ptr<const Dataset> data) {
  TrainHooks hooks;
  const bool enough = data->size() >= kLeastMonitored;
  const auto judge = std::make_shared<Judge>(recipe, std::move(data));
  if (enough)
    hooks.diversity = [judge](LatentModel& model) {
      judge->prepare();
      Rng rng(1, "monitor");
      const Batch fake = source_of(model, *judge->train)(judge->monitored.size(0), rng);
      const Diversity found = diversity(judge->monitored, features_of(*judge->network, fake.x));
      return DiversityFigures{found.coverage, found.duplicate_rate};
    };
  if (recipe.eval.metrics.empty()) return hooks;
  hooks.evaluate = [judge](LatentModel& model, double kimg, const RunFolder& run) {
    judge->prepare();
    EvaluateOptions options;
    options.metrics = judge->recipe.eval.metrics;
    options.samples = judge->recipe.eval.samples;
    std::vector<Figure> figures;
    try {
      figures = judge->evaluator->evaluate(options, source_of(model, judge->whole), &model);
    } catch (const UserError& e) {
      fmt::print(stderr, "warning: eval.metrics: {}; training goes on without its figures\n", e.what());
      return std::vector<std::pair<std::string, double>>();
    }
    MetricLine line;
    line.model = run.file("model.safetensors");
    line.data = judge->recipe.data.source;
    line.kimg = kimg;
    line.timestamp = static_cast<double>(std::time(nullptr));
    append_figures(run.path(), figures, line);
    std::vector<std::pair<std::string, double>> values;
    for (const Figure& figure : figures) values.emplace_back(figure.name, figure.value);
    return values;
  };
  return hooks;
}

}  // namespace obverse
