#include <ATen/ATen.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "obverse/cli/commands.h"
#include "obverse/core/error.h"
#include "obverse/data/check.h"

namespace obverse {
namespace {

using Json = nlohmann::ordered_json;

struct DataCommand {
  DataOptions options;
  std::string split = "train", out;
  bool no_labels = false, json = false;
};

Json describe(const Dataset& data) {
  Json json = {{"split", data.split},
               {"samples", data.size()},
               {"shape", data.domain.shape},
               {"domain", data.domain.text()},
               {"sha256", data.hash()}};
  if (!data.labels.defined()) return json;
  const at::Tensor counts = data.labels.bincount({}, static_cast<int64_t>(data.domain.classes.size()));
  for (size_t k = 0; k < data.domain.classes.size(); ++k)
    json["classes"].push_back({{"name", data.domain.classes[k]}, {"samples", counts.data_ptr<int64_t>()[k]}});
  return json;
}

void print_info(const Json& json) {
  constexpr size_t kMaxClasses = 20;
  fmt::print("{}\n", json["source"].get<std::string>());
  for (const Json& split : json["splits"]) {
    fmt::print("  {}: {} samples, {}\n", split["split"].get<std::string>(), split["samples"].get<int64_t>(),
               split["domain"].get<std::string>());
    fmt::print("    sha256 {}\n", split["sha256"].get<std::string>());
    if (!split.contains("classes")) continue;
    const Json& classes = split["classes"];
    for (size_t k = 0; k < std::min(kMaxClasses, classes.size()); ++k)
      fmt::print("    {:>3} {:<16} {}\n", k, classes[k]["name"].get<std::string>(),
                 classes[k]["samples"].get<int64_t>());
    if (classes.size() > kMaxClasses) fmt::print("    ... and {} more classes\n", classes.size() - kMaxClasses);
  }
}

void run_info(const DataCommand& c) {
  Json json = {{"source", c.options.source}, {"splits", Json::array()}};
  for (const char* split : {"train", "test"}) json["splits"].push_back(describe(load_dataset(c.options, split)));
  if (c.json) return fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace)), void();
  print_info(json);
}

Json to_json(const DataReport& report) {
  Json json = {{"facts", report.facts}, {"problems", Json::array()}};
  for (const DataReport::Problem& problem : report.problems)
    json["problems"].push_back({{"fatal", problem.fatal}, {"what", problem.what}});
  return json;
}

void run_check(const DataCommand& c) {
  const DataReport report = check_data(c.options);
  std::string fatal;
  size_t fatal_count = 0;
  for (const DataReport::Problem& problem : report.problems)
    if (problem.fatal) fatal += "\n  " + problem.what, ++fatal_count;
  if (c.json) {
    fmt::print("{}\n", to_json(report).dump(2, ' ', false, Json::error_handler_t::replace));
  } else {
    for (const std::string& fact : report.facts) fmt::print("{}\n", fact);
    for (const DataReport::Problem& problem : report.problems)
      if (!problem.fatal) fmt::print("warning: {}\n", problem.what);
    if (report.problems.empty()) fmt::print("nothing wrong\n");
  }
  if (fatal_count == 0) return;
  std::fflush(stdout);
  fail("{}: {} problem{} that training would refuse:{}", c.options.source, fatal_count, fatal_count == 1 ? "" : "s",
       fatal);
}

void run_prepare(const DataCommand& c) {
  const int64_t count = prepare_data(c.options, c.split, c.out);
  fmt::print("{}\n", c.out);
  fmt::print(stderr, "{} images, {} of {}\n", count, c.split == "all" ? "all" : "the " + c.split + " split",
             c.options.source);
}

CLI::App& add_command(CLI::App& app, const std::string& name, const std::string& help, DataCommand& c) {
  CLI::App& command = *app.add_subcommand(name, help);
  command.add_option("source", c.options.source, "a name (see obverse list), or a folder, .zip, .npz or IDX file")
      ->required();
  command.add_option("--path", c.options.path, "where a named data set lies, if not in its usual place");
  command.add_option("--size", c.options.size, "crop to a square and resize to size x size")
      ->check(CLI::Range(1, 4096));
  command.add_flag("--no-labels", c.no_labels, "leave labels out");
  return command;
}

}  // namespace

void setup_data(CLI::App& app) {
  auto c = std::make_shared<DataCommand>();
  app.require_subcommand(1);
  const auto run = [c](void (*what)(const DataCommand&)) {
    return [c, what] {
      c->options.labels = !c->no_labels;
      what(*c);
    };
  };
  CLI::App& info = add_command(app, "info", "what a data set holds: sizes, classes, the hash of its content", *c);
  info.add_flag("--json", c->json, "for programs");
  info.callback(run(run_info));
  CLI::App& check = add_command(
      app, "check", "find everything that is wrong with a data set; status 2 if training would refuse it", *c);
  check.add_flag("--json", c->json, "for programs");
  check.callback(run(run_check));
  CLI::App& prepare = add_command(app, "prepare", "write a data set as a zip that StyleGAN's tools read too", *c);
  prepare.add_option("out", c->out, "the zip to write")->required()->type_name("OUT.zip");
  prepare.add_option("--split", c->split, "train, test (a tenth, where the source has none of its own) or all")
      ->check(CLI::IsMember({"train", "test", "all"}))
      ->capture_default_str();
  prepare.callback(run(run_prepare));
}

}  // namespace obverse
