#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <system_error>

#include "obverse/cli/commands.h"
#include "obverse/core/engine.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"

namespace {

constexpr int kUserError = 2, kBug = 70;
constexpr const char* kNoMemory = "out of memory: use a smaller batch, fewer samples or a smaller model";
constexpr const char* kLostOutput = "cannot write to the standard output: is the disk full?";

// One line (a recipe may have several problems: a line each), never a stack of words.
int report(const std::string& message) {
  fmt::print(stderr, "obverse: {}\n", message);
  return kUserError;
}

// "nan" and "inf" are numbers to the parser, and "nan" is within every range.
void refuse_nan(CLI::App& app) {
  for (CLI::Option* option : app.get_options())
    if (option->get_type_name().rfind("FLOAT", 0) == 0)
      option->check([](const std::string& text) {
        char* end = nullptr;
        const double value = std::strtod(text.c_str(), &end);
        return end != text.c_str() && *end == 0 && !std::isfinite(value) ? text + " is not a finite number" : "";
      });
  for (CLI::App* command : app.get_subcommands(nullptr)) refuse_nan(*command);
}

int run(int argc, char** argv) {
  CLI::App app("Obverse: adversarial generative models, from latent code to data and back.", "obverse");
  app.set_version_flag("--version", "obverse 0.1.0");
  app.require_subcommand(1);
  for (const obverse::Command& command : obverse::command_table())
    command.setup(*app.add_subcommand(command.name, command.help));
  refuse_nan(app);
  if (argc > 1 && argv[1][0] != '-') obverse::find_row(obverse::command_table(), "command", argv[1]);
  if (argc == 1) {
    fmt::print("{}", app.help());
    return kUserError;
  }
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForAllHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForVersion& version) {
    return app.exit(version);
  } catch (const CLI::RuntimeError& status) {
    return status.get_exit_code();
  } catch (const CLI::ParseError& error) {
    return report(
        fmt::format("{} (see obverse {} --help)", error.what(), argc > 1 && argv[1][0] != '-' ? argv[1] : ""));
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    obverse::start_engine();
    obverse::limit_memory();
    const int status = run(argc, argv);
    if (std::fflush(stdout) != 0 || std::ferror(stdout)) return report(kLostOutput);
    return status;
  } catch (const std::system_error& error) {  // of fmt::print or a file system
    return report(error.what());
  } catch (const obverse::UserError& error) {
    return report(error.what());
  } catch (const std::bad_alloc&) {
    return report(kNoMemory);
  } catch (const std::exception& error) {
    if (std::string(error.what()).find("can't allocate memory") != std::string::npos) return report(kNoMemory);
    fmt::print(stderr, "obverse: a bug in obverse: {}\n", error.what());
    return kBug;
  }
}
