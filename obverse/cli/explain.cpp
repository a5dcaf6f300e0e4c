#include "obverse/games/explain.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "obverse/cli/commands.h"

namespace obverse {

struct ExplainCommand {
  std::string recipe;
  std::vector<std::string> set;
};

void setup_explain(CLI::App& app) {
  auto c = std::make_shared<ExplainCommand>();
  app.add_option("recipe", c->recipe, "a .toml file")->required();
  app.add_option("--set", c->set, "change a key of the recipe: generator.channels=[256,128]")->type_name("KEY=VALUE");
  app.callback([c] {
    Recipe recipe = read_recipe(c->recipe, c->set);
    fmt::print("{}", explain_recipe(recipe));
  });
}

}  // namespace obverse
