#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "obverse/cli/commands.h"
#include "obverse/core/error.h"
#include "obverse/metrics/classifier.h"

namespace obverse {
namespace {

struct FeaturesCommand {
  DataOptions data;
  bool json = false;
};

void run_train(const FeaturesCommand& c) {
  const Log log = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
  const auto network = choose_features("", c.data, load_dataset(c.data, "train"), log);
  if (network->hash.empty()) fail("{}: points need no classifier: metrics use their coordinates", c.data.source);
  if (c.json) {
    const nlohmann::ordered_json json = {{"name", network->name},
                                         {"hash", network->hash},
                                         {"dims", network->dims},
                                         {"test_accuracy", network->test_accuracy}};
    fmt::print("{}\n", json.dump());
  } else {
    fmt::print("{}: {} features, {:.2f} % of test images right\n", network->label(), network->dims,
               100 * network->test_accuracy);
  }
}

void run_list(bool json) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const CachedClassifier& c : cached_classifiers()) {
    all.push_back({{"data", c.data}, {"hash", c.hash}, {"test_accuracy", c.test_accuracy}, {"path", c.path}});
    if (!json) fmt::print("{}  {}  {:.2f} %  {}\n", c.data, c.hash.substr(0, 8), 100 * c.test_accuracy, c.path);
  }
  if (json) fmt::print("{}\n", all.dump(1));
}

}  // namespace

void setup_features(CLI::App& app) {
  auto c = std::make_shared<FeaturesCommand>();
  app.require_subcommand(1);
  CLI::App* train = app.add_subcommand("train", "train the classifier of a data set, or say how good the kept one is");
  train->add_option("data", c->data.source, "name of a data set, or a path; it needs labels")->required();
  train->add_option("--data-path", c->data.path, "where a named data set lies, if not in its usual place");
  train->add_option("--size", c->data.size, "resize pictures to so many pixels a side")->check(CLI::Range(1, 4096));
  train->add_flag("--json", c->json, "for programs");
  train->callback([c] { run_train(*c); });
  CLI::App* list = app.add_subcommand("list", "classifiers that are kept");
  list->add_flag("--json", c->json, "for programs");
  list->callback([c] { run_list(c->json); });
}

}  // namespace obverse
