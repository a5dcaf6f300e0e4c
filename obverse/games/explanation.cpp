#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "obverse/data/dataset.h"
#include "obverse/games/explain.h"
#include "obverse/recipe/toml.h"

namespace obverse {
namespace {

/// "12.3 k", "1.2 M".
std::string short_number(double value) {
  for (const char* unit : {"", " k", " M", " G"}) {
    if (value < 999.5)
      return value < 10 && *unit ? fmt::format("{:.2f}{}", value, unit) : fmt::format("{:.3g}{}", value, unit);
    value /= 1000;
  }
  return fmt::format("{:.3g} T", value);
}

std::string network_text(const NetworkCost& network) {
  std::string text = fmt::format("  {} ({}): {} parameters, {}FLOP a sample\n", network.name, network.player,
                                 short_number(static_cast<double>(network.parameters)), short_number(network.flops()));
  size_t width = 0;
  for (const LayerCost& layer : network.layers) width = std::max(width, layer.name.size());
  for (const LayerCost& layer : network.layers)
    text += fmt::format("    {:{}}  {:>12}  {:>8}  {:>8}\n", layer.name, width,
                        fmt::format("{}", fmt::join(layer.output, "x")),
                        short_number(static_cast<double>(layer.parameters)), short_number(layer.flops));
  return text;
}

std::string losses_text(Game& game) {
  std::string text;
  for (const Phase& phase : game.phases()) {
    std::string when = phase.interval > 1 ? fmt::format(", every {} rounds", phase.interval) : "";
    if (phase.repeats > 1) when += fmt::format(", {} times", phase.repeats);
    text += fmt::format("  {} minimises ({}{})\n", phase.player, phase.name, when);
    const auto formulas = game.formulas(phase);
    if (formulas.empty()) text += "    see obverse list games\n";
    for (size_t i = 0; i < formulas.size(); ++i)
      text += fmt::format("    {} {:<17} {}\n", i == 0 ? " " : "+", formulas[i].first, formulas[i].second);
  }
  return text;
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

std::string schedules_text(Recipe& recipe) {
  size_t width = 0;
  std::vector<OptionDoc> changing;
  for (const OptionDoc& row : document_options(recipe))
    if (!row.schedule.constant()) changing.push_back(row), width = std::max(width, row.key.size());
  if (changing.empty()) return "";
  std::string text = fmt::format("\nschedules, over {:g} kimg\n", recipe.train.kimg);
  for (const OptionDoc& row : changing)
    text += fmt::format("  {:{}}  {}  {:g} to {:g}\n", row.key, width, plot(row.schedule), row.schedule.from,
                        row.schedule.to);
  return text;
}

}  // namespace

std::string explain_recipe(Recipe& recipe) {
  const Domain domain = load_dataset(recipe.data, "train").domain;
  const auto game = build_game(recipe, domain);
  std::string text = fmt::format("{}: {}\n\ndata: {}, {}\n\nnetworks: layer, output of one sample, parameters, FLOP\n",
                                 recipe.name, recipe.about, recipe.data.source, domain.text());
  for (const NetworkCost& network : network_costs(*game, domain, recipe.train.batch)) text += network_text(network);
  text += fmt::format("\nround of {}, update \"{}\"\n", recipe.train.batch, recipe.train.update);
  return text + losses_text(*game) + schedules_text(recipe);
}

}  // namespace obverse
