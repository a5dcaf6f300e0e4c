#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "obverse/apps/anomaly_scores.h"
#include "obverse/apps/directions.h"
#include "obverse/cli/commands.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/games/recipe.h"
#include "obverse/infer/invert.h"
#include "obverse/infer/model_metrics.h"
#include "obverse/layers/augment.h"
#include "obverse/losses/adversarial.h"
#include "obverse/losses/likelihoods.h"
#include "obverse/losses/penalties.h"
#include "obverse/metrics/evaluate.h"
#include "obverse/models/flow.h"
#include "obverse/models/networks.h"
#include "obverse/models/prior.h"
#include "obverse/models/translators.h"
#include "obverse/train/update_rules.h"

namespace obverse {
namespace {

using Line = std::pair<std::string, std::string>;  // name, what it is

struct Listing {
  std::string name, help;
  std::function<std::vector<Line>()> lines;
};

template <class Row>
std::function<std::vector<Line>()> rows_of(const std::vector<Row>& (*table)()) {
  return [table] {
    std::vector<Line> lines;
    for (const Row& row : table()) lines.emplace_back(row.name, row.source);
    return lines;
  };
}

// Every key of a recipe whose game is of the first kind, with its default and meaning.
std::vector<Line> recipe_keys() {
  Recipe recipe;
  std::vector<Line> lines;
  for (const OptionDoc& row : document_options(recipe)) {
    std::string known;
    for (const std::string& name : row.known) known += (known.empty() ? "" : ", ") + name;
    lines.emplace_back(row.key,
                       fmt::format("{} (default {}){}", row.doc, row.value, known.empty() ? "" : "; one of " + known));
  }
  return lines;
}

std::vector<Line> command_lines() {
  std::vector<Line> lines;
  for (const Command& command : command_table()) lines.emplace_back(command.name, command.help);
  return lines;
}

const std::vector<Listing>& listings() {
  static const std::vector<Listing> all = {
      {"commands", "what obverse does", command_lines},
      {"data", "data sets known by name", rows_of(dataset_table)},
      {"games", "kinds of [game]", rows_of(game_table)},
      {"generators", "kinds of [generator]", rows_of(generator_table)},
      {"discriminators", "kinds of [discriminator]", rows_of(discriminator_table)},
      {"encoders", "kinds of [encoder]", rows_of(encoder_table)},
      {"joint-discriminators", "kinds of [discriminator] where pairs (x, z) are judged: bigan, two-way, VEEGAN",
       rows_of(joint_discriminator_table)},
      {"flows", "kinds of [flow]", rows_of(flow_table)},
      {"losses", "values of game.loss", rows_of(adversarial_table)},
      {"penalties", "tables under [game]", rows_of(penalty_table)},
      {"translators", "kinds of [generator] where game.kind is cyclegan", rows_of(translator_table)},
      {"patch-discriminators", "kinds of [discriminator] where game.kind is cyclegan",
       rows_of(patch_discriminator_table)},
      {"augmentations", "values of game.augment", rows_of(augment_table)},
      {"likelihoods", "values of game.likelihood", rows_of(likelihood_table)},
      {"priors", "values of game.prior", rows_of(prior_table)},
      {"updates", "values of train.update", rows_of(update_table)},
      {"metrics", "for eval --metrics", rows_of(metric_table)},
      {"model-metrics", "for eval --metrics, of a model", rows_of(model_metric_table)},
      {"directions", "kinds of directions that edit finds in codes", rows_of(direction_table)},
      {"features", "for eval --features, beside files and names of data sets", rows_of(feature_table)},
      {"methods", "for invert --method", rows_of(invert_table)},
      {"anomaly-methods", "for anomaly fit --method", rows_of(anomaly_table)},
      {"keys", "keys of a recipe of the default kinds (gan, dcgan); train RECIPE --dry-run shows those of others",
       recipe_keys},
  };
  return all;
}

void run_list(const std::string& which, bool json) {
  nlohmann::ordered_json result;
  for (const Listing& listing : listings()) {
    if (!which.empty() && listing.name != which) continue;
    if (which.empty() && listing.name == "keys" && !json) continue;  // long; shown when asked for
    if (!json) fmt::print("{}: {}\n", listing.name, listing.help);
    size_t width = 0;
    const std::vector<Line> lines = listing.lines();
    for (const auto& [name, text] : lines) width = std::max(width, name.size());
    for (const auto& [name, text] : lines) {
      if (json)
        result[listing.name].push_back({{"name", name}, {"source", text}});
      else
        fmt::print("  {:{}}  {}\n", name, width, text);
    }
    if (!json) fmt::print("\n");
  }
  if (json) fmt::print("{}\n", result.dump(1));
}

}  // namespace

void setup_list(CLI::App& app) {
  auto which = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  app.add_option("table", *which, "one of the tables; all when left out");
  app.add_flag("--json", *json, "for programs");
  app.callback([which, json] {
    if (!which->empty()) find_row(listings(), "table", *which);
    run_list(*which, *json);
  });
}

}  // namespace obverse
