#include "obverse/report/report.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "obverse/cli/commands.h"
#include "obverse/report/format.h"

namespace obverse {

struct ReportCommand {
  std::string run, out;
  bool json = false;
};

static void run_report(const ReportCommand& command) {
  const WrittenReport report = write_report(command.run, command.out);
  if (command.json) {
    const nlohmann::ordered_json summary = {{"report", report.path}, {"bytes", report.bytes}, {"notes", report.notes}};
    fmt::print("{}\n", summary.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return;
  }
  for (const std::string& note : report.notes) fmt::print(stderr, "note: {}\n", note);
  fmt::print("{} ({})\n", report.path, format_bytes(static_cast<double>(report.bytes)));
}

void setup_report(CLI::App& app) {
  auto command = std::make_shared<ReportCommand>();
  app.add_option("run", command->run, "run folder, such as runs/00000-fashion-dcgan")->required()->type_name("RUN");
  app.add_option("--out", command->out, "file to write; by default report.html in the run folder")->type_name("FILE");
  app.add_flag("--json", command->json, "print where the report is, and what was left out, as JSON");
  app.callback([command] { run_report(*command); });
}

}  // namespace obverse
