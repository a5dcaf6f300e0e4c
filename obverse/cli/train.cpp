#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <limits>

#include "obverse/cli/commands.h"
#include "obverse/cli/interrupt.h"
#include "obverse/cli/train_hooks.h"
#include "obverse/core/engine.h"
#include "obverse/core/error.h"
#include "obverse/data/check.h"
#include "obverse/data/sources.h"
#include "obverse/io/files.h"
#include "obverse/train/checkpoint.h"
#include "obverse/train/trainer.h"

namespace obverse {
namespace {

struct TrainCommand {
  std::string recipe, out = "runs", resume, precision, init;
  std::vector<std::string> set;
  int64_t seed = -1, freeze_d = -1;
  bool dry_run = false, quiet = false;
  CLI::Option* resume_option = nullptr;
};

std::string duration(double seconds) {
  const auto s = static_cast<int64_t>(seconds);
  return s >= 3600 ? fmt::format("{}h{:02}m", s / 3600, s / 60 % 60) : fmt::format("{}m{:02}s", s / 60, s % 60);
}

void print_progress(const Progress& p, bool terminal) {
  const double share = std::min(1.0, p.kimg / p.total_kimg);
  std::string line = fmt::format("{:6.1f}/{:g} kimg {:3.0f} % {:5.0f} img/s, {} left", p.kimg, p.total_kimg,
                                 100 * share, p.images_per_second, duration(p.seconds_left));
  for (const auto& [tag, label] : {std::pair{"Loss/D/loss", "D"},
                                   {"Loss/G/loss", "G"},
                                   {"Loss/scores/real", "real"},
                                   {"Loss/scores/fake", "fake"},
                                   {"Loss/encoder/loss", "E"},
                                   {"Loss/elbo", "elbo"},
                                   {"Loss/iwae", "iwae"},
                                   {"Loss/bits_per_dim", "bits/dim"},
                                   {"Loss/log_prob", "log p"},
                                   {"Monitor/coverage", "coverage"}})
    for (const Stats::Entry& entry : p.stats->entries())
      if (entry.tag == tag) line += fmt::format("  {} {:.3f}", label, entry.mean());
  if (terminal) {
    constexpr int kWidth = 20;
    const int full = static_cast<int>(share * kWidth);
    fmt::print(stderr, "\r\033[K[{:=>{}}{:>{}}] {}", "", full, "", kWidth - full, line);
  } else {
    fmt::print(stderr, "{}\n", line);
  }
  std::fflush(stderr);
}

Recipe effective_recipe(const TrainCommand& c, const std::string& path) {
  std::vector<std::string> overrides = c.set;
  if (c.seed >= 0) overrides.push_back(fmt::format("train.seed={}", c.seed));
  if (!c.init.empty()) overrides.push_back("train.init=\"" + c.init + "\"");
  if (c.freeze_d >= 0) overrides.push_back(fmt::format("train.freeze_d={}", c.freeze_d));
  if (!c.precision.empty()) overrides.push_back(fmt::format("train.precision=\"{}\"", c.precision));
  return read_recipe(path, overrides);
}

// The run to go on with, and its recipe; refused when the recipe given differs from the run's.
RunFolder resumed_run(const TrainCommand& c, Recipe& recipe) {
  std::string path = c.resume;
  if (path.empty()) path = RunFolder::newest(c.out, c.recipe.empty() ? "" : effective_recipe(c, c.recipe).name);
  RunFolder run = RunFolder::open(path);
  recipe = read_recipe(run.file("recipe.toml"));
  std::error_code ignored;
  if (const auto size = std::filesystem::file_size(run.file("stats.jsonl"), ignored);
      !ignored && size > 0 && list_checkpoints(path).empty())
    fail("{}: was trained, but holds no checkpoint to go on from: begin a new run from its weights by --init {}", path,
         path);
  const bool given =
      !c.recipe.empty() || !c.set.empty() || c.seed >= 0 || !c.precision.empty() || !c.init.empty() || c.freeze_d >= 0;
  if (given) {
    Recipe wanted = effective_recipe(c, c.recipe.empty() ? run.file("recipe.toml") : c.recipe);
    std::string differences;
    for (const std::string& line : differing_options(wanted, recipe))
      differences += (differences.empty() ? "" : "; ") + line;
    if (!differences.empty())
      fail("{}: was started with another recipe ({}): resume it without changes, or start a new run", path,
           differences);
  }
  return run;
}

// What is odd about the data. Users' own files are looked at whole, as by `obverse data check`, before a run begins.
void tell_about(const DataOptions& options, const Dataset& data, bool resuming) {
  std::vector<std::string> notes = data.notices;
  if (!resuming && is_path(options.source)) {
    notes.clear();  // the check has them too
    for (const DataReport::Problem& problem : check_data(options).problems) notes.push_back(problem.what);
  }
  for (const std::string& note : notes) fmt::print(stderr, "note: {}\n", note);
}

void run_train(const TrainCommand& c) {
  const bool resuming = c.resume_option->count() > 0;
  if (c.recipe.empty() && !resuming)
    fail("train: name a recipe, for example recipes/fashion-mnist.toml, or --resume a run");
  Recipe recipe;
  std::optional<RunFolder> run;
  if (resuming)
    run.emplace(resumed_run(c, recipe));
  else
    recipe = effective_recipe(c, c.recipe);
  const auto data = std::make_shared<const Dataset>(load_dataset(recipe.data, "train"));
  if (data->size() < recipe.train.batch)
    fail("{}: {} samples are fewer than one batch of {}: lower train.batch", recipe.data.source, data->size(),
         recipe.train.batch);
  tell_about(recipe.data, *data, resuming);
  check_evaluation(recipe);
  if (!resuming && !recipe.train.init.empty()) load_model(recipe.train.init);
  if (c.dry_run) {
    const auto game = build_game(recipe, data->domain);
    int64_t count = 0;
    for (const auto& [name, tensor] : game->weights()) count += tensor.numel();
    constexpr double kCopies = 5, kMebi = 1 << 20;  // themselves, gradients, two moments, averages
    fmt::print(
        "{}\n# {}: {} samples, {}\n# {} numbers in the networks\n# memory, MiB: {:.0f} for them, {:.0f} for the data, "
        "and what a batch of {} takes; here are {:.0f}\n",
        write_options(recipe), data->name, data->size(), data->domain.text(), count,
        kCopies * static_cast<double>(count) * sizeof(float) / kMebi,
        static_cast<double>(data->samples.nbytes()) / kMebi, recipe.train.batch,
        static_cast<double>(memory_size()) / kMebi);
    return;
  }
  if (const std::string warning = blas_warning(); !warning.empty()) fmt::print(stderr, "warning: {}\n", warning);
  if (!run) {
    build_game(recipe, data->domain);  // a recipe that cannot be built leaves no folder behind
    run.emplace(RunFolder::create(c.out, recipe.name));
    write_file(run->file("recipe.toml"), write_options(recipe));
  }
  fmt::print(stderr, "{}\n{}: {} samples, {}\n{}\n", run->path(), data->name, data->size(), data->domain.text(),
             engine_summary());

  const bool terminal = isatty(2) && !c.quiet;
  TrainHooks hooks = metric_hooks(recipe, data);
  hooks.progress = [&](const Progress& p) {
    if (!c.quiet) print_progress(p, terminal);
  };
  hooks.finding = [&](const Finding& f) {
    fmt::print(stderr, "{}{}: {}: {}; {}\n", terminal ? "\n" : "", f.severity, f.cause, f.what, f.action);
  };
  catch_interrupts();
  hooks.stop = &interrupted();
  const Outcome outcome = train(recipe, data, *run, hooks);
  if (terminal) fmt::print(stderr, "\n");
  if (outcome == Outcome::interrupted)
    fmt::print(stderr, "stopped and saved; go on with: obverse train --resume {}\n", run->path());
  if (outcome == Outcome::gave_up) {
    fmt::print(stderr, "gave up: {} says why; the model is that of the last good state\n", run->file("findings.jsonl"));
    throw CLI::RuntimeError(1);
  }
  fmt::print("{}\n", run->path());
}

}  // namespace

void setup_train(CLI::App& app) {
  auto c = std::make_shared<TrainCommand>();
  app.add_option("recipe", c->recipe, "TOML file, see recipes/");
  app.add_option("--set", c->set, "change a key of the recipe: train.kimg=100")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
  app.add_option("--out", c->out, "folder of runs")->capture_default_str();
  c->resume_option = app.add_option("--resume", c->resume, "go on with this run, or with the newest of this recipe")
                         ->expected(0, 1)
                         ->type_name("RUN");
  app.add_option("--seed", c->seed, "train.seed")->check(CLI::Range(int64_t{0}, std::numeric_limits<int64_t>::max()));
  app.add_option("--init", c->init,
                 "train.init: a model file or run folder whose weights are taken over where they fit")
      ->type_name("MODEL");
  app.add_option("--freeze-d", c->freeze_d, "train.freeze_d: so many of D's first layers do not learn")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--precision", c->precision, "train.precision: auto, float32 or bfloat16");
  app.add_flag("--dry-run", c->dry_run, "check everything and print the effective recipe");
  app.add_flag("--quiet", c->quiet, "no progress");
  app.callback([c] { run_train(*c); });
}

}  // namespace obverse
