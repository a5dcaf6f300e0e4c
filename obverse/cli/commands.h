#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace obverse {

/// A command of `obverse`: `setup` declares its options and sets the callback that runs it. Mistakes of the user's are
/// thrown as UserError; main turns them into one line and status 2.
struct Command {
  std::string name, help;
  void (*setup)(CLI::App& app);
};

/// data, explain, train, sweep, sample, translate, eval, compare, likelihood, features, invert, posterior, edit,
/// anomaly, probe, compress, decompress, report, studio, list, completion: one file each, `cli/<name>.cpp`.
const std::vector<Command>& command_table();

}  // namespace obverse
