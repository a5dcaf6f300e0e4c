#include "obverse/studio/studio.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <thread>

#include "obverse/cli/commands.h"
#include "obverse/cli/interrupt.h"

namespace obverse {
namespace {

void run_studio(StudioOptions options) {
  namespace fs = std::filesystem;
  options.program = fs::read_symlink("/proc/self/exe").string();
  const fs::path installed = fs::path(options.program).parent_path().parent_path() / "share/obverse/recipes";
  if (options.recipes.empty())
    options.recipes = fs::is_directory(installed) && !fs::is_directory("recipes") ? installed.string() : "recipes";
  Studio studio(options);
  const int port = studio.bind();
  if (options.host != "127.0.0.1" && options.host != "localhost")
    fmt::print(stderr, "note: whoever reaches {} can look at these runs and start trainings\n", options.host);
  fmt::print("http://{}:{}/  shows {}; Ctrl-C ends it\n", options.host, port, options.runs);
  std::fflush(stdout);
  catch_interrupts();
  std::thread answering([&] { studio.serve(); });
  while (!interrupted()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  studio.stop();
  answering.join();
}

}  // namespace

void setup_studio(CLI::App& app) {
  auto options = std::make_shared<StudioOptions>();
  app.add_option("runs", options->runs, "folder of runs")->capture_default_str();
  app.add_option("--recipes", options->recipes, "folder of recipes to begin from; else recipes/, or those installed");
  app.add_option("--host", options->host, "address to answer at; others than this machine reach it only if asked for")
      ->capture_default_str();
  app.add_option("--port", options->port, "0: any that is free")->check(CLI::Range(0, 65535))->capture_default_str();
  app.callback([options] { run_studio(*options); });
}

}  // namespace obverse
