#include "obverse/games/explain.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <memory>

#include "obverse/cli/commands.h"
#include "obverse/games/recipe.h"
#include "obverse/recipe/toml.h"

namespace obverse {
namespace {

struct ExplainCommand {
  std::string recipe;
  std::vector<std::string> set;
};

/// "12.3 k", "1.2 M".
std::string short_number(double value) {
  for (const char* unit : {"", " k", " M", " G"}) {
    if (value < 999.5)
      return value < 10 && *unit ? fmt::format("{:.2f}{}", value, unit) : fmt::format("{:.3g}{}", value, unit);
    value /= 1000;
  }
  return fmt::format("{:.3g} T", value);
}

void print_network(const NetworkCost& network) {
  fmt::print("  {} ({}): {} parameters, {}FLOP a sample\n", network.name, network.player,
             short_number(static_cast<double>(network.parameters)), short_number(network.flops()));
  size_t width = 0;
  for (const LayerCost& layer : network.layers) width = std::max(width, layer.name.size());
  for (const LayerCost& layer : network.layers)
    fmt::print("    {:{}}  {:>12}  {:>8}  {:>8}\n", layer.name, width, fmt::format("{}", fmt::join(layer.output, "x")),
               short_number(static_cast<double>(layer.parameters)), short_number(layer.flops));
}

void print_losses(Game& game) {
  for (const Phase& phase : game.phases()) {
    std::string when = phase.interval > 1 ? fmt::format(", every {} rounds", phase.interval) : "";
    if (phase.repeats > 1) when += fmt::format(", {} times", phase.repeats);
    fmt::print("  {} minimises ({}{})\n", phase.player, phase.name, when);
    const auto formulas = game.formulas(phase);
    if (formulas.empty()) fmt::print("    see obverse list games\n");
    for (size_t i = 0; i < formulas.size(); ++i)
      fmt::print("    {} {:<17} {}\n", i == 0 ? " " : "+", formulas[i].first, formulas[i].second);
  }
}

/// A schedule over the run, a column a fortieth of it, between its least and its largest value.
std::string plot(const Schedule& schedule) {
  constexpr int kColumns = 40;
  const char* const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const double low = std::min(schedule.from, schedule.to), high = std::max(schedule.from, schedule.to);
  std::string line;
  for (int i = 0; i < kColumns; ++i) {
    const double share = (schedule.at((i + 0.5) / kColumns) - low) / (high - low);
    line += bars[std::clamp(static_cast<int>(share * 8), 0, 7)];
  }
  return line;
}

void print_schedules(Recipe& recipe) {
  size_t width = 0;
  std::vector<OptionDoc> changing;
  for (const OptionDoc& row : document_options(recipe))
    if (!row.schedule.constant()) changing.push_back(row), width = std::max(width, row.key.size());
  if (changing.empty()) return;
  fmt::print("\nschedules, over {:g} kimg\n", recipe.train.kimg);
  for (const OptionDoc& row : changing)
    fmt::print("  {:{}}  {}  {:g} to {:g}\n", row.key, width, plot(row.schedule), row.schedule.from, row.schedule.to);
}

void run_explain(const ExplainCommand& c) {
  Recipe recipe = read_recipe(c.recipe, c.set);
  const Domain domain = load_dataset(recipe.data, "train").domain;
  const auto game = build_game(recipe, domain);
  fmt::print("{}: {}\n\ndata: {}, {}\n\n", recipe.name, recipe.about, recipe.data.source, domain.text());
  fmt::print("networks: layer, output of one sample, parameters, FLOP\n");
  for (const NetworkCost& network : network_costs(*game, domain, recipe.train.batch)) print_network(network);
  fmt::print("\nround of {}, update \"{}\"\n", recipe.train.batch, recipe.train.update);
  print_losses(*game);
  print_schedules(recipe);
}

}  // namespace

void setup_explain(CLI::App& app) {
  auto c = std::make_shared<ExplainCommand>();
  app.add_option("recipe", c->recipe, "a .toml file")->required();
  app.add_option("--set", c->set, "change a key of the recipe: generator.channels=[256,128]")->type_name("KEY=VALUE");
  app.callback([c] { run_explain(*c); });
}

}  // namespace obverse
