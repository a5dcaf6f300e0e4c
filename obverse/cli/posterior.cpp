#include "obverse/infer/posterior.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "obverse/cli/commands.h"
#include "obverse/cli/interrupt.h"
#include "obverse/cli/invert_targets.h"
#include "obverse/core/error.h"
#include "obverse/infer/latent_file.h"
#include "obverse/io/files.h"
#include "obverse/io/image.h"

namespace obverse {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kShownImages = 16, kShownChains = 8;
constexpr double kAgreed = 1.05;  // chains with a larger R-hat have not met

struct PosteriorCommand {
  std::string model, out = "posterior";
  TargetChoice targets;
  PosteriorOptions options;
  int64_t seed = 0;
  bool json = false;
};

// A row an image: the image itself, then what the last draw of each chain decodes to.
void write_picture(const std::string& path, LatentModel& model, const Targets& t, const Posterior& found) {
  const int64_t chains = std::min(kShownChains, found.code.size(1)), rows = std::min(kShownImages, t.size());
  const at::Tensor last = found.code.slice(0, 0, rows).slice(1, 0, chains).select(2, found.code.size(2) - 1);
  const at::Tensor y = t.y.defined() ? t.y.slice(0, 0, rows).repeat_interleave(chains, 0) : t.y;
  at::Tensor drawn = decode_all(model, last.flatten(0, 1), y);
  drawn = drawn.unflatten(0, {rows, chains});
  const at::Tensor all = at::cat({t.x.slice(0, 0, rows).unsqueeze(1), drawn}, 1).flatten(0, 1);
  write_png(path, tile_images(to_bytes(all), chains + 1));
}

Json summarise(const PosteriorCommand& c, const LoadedModel& loaded, const Targets& t, const Posterior& p) {
  return {{"images", t.size()},
          {"target", t.what},
          {"chains", c.options.chains},
          {"draws", p.code.size(2)},
          {"noise", c.options.noise},
          {"ess_median", p.ess.median().item<double>()},
          {"ess_least", p.ess.min().item<double>()},
          {"r_hat_median", p.r_hat.median().item<double>()},
          {"r_hat_largest", p.r_hat.max().item<double>()},
          {"not_met", (p.r_hat > kAgreed).sum().item<int64_t>()},
          {"acceptance", p.acceptance.mean().item<double>()},
          {"model", loaded.model->name},
          {"model_hash", loaded.model->hash},
          {"seed", c.seed},
          {"interrupted", interrupted().load()}};
}

void run_posterior(const PosteriorCommand& c) {
  LoadedModel loaded = load_model(c.model);
  Rng rng(static_cast<uint64_t>(c.seed), "posterior"), own_rng(static_cast<uint64_t>(c.seed), "own samples");
  Targets targets = choose_targets(c.targets, loaded, own_rng);
  if (loaded.model->classes() == 0) targets.y = at::Tensor();
  std::error_code error;
  std::filesystem::create_directories(c.out, error);
  if (error) fail("{}: cannot make the folder ({}): name another with --out", c.out, error.message());
  catch_interrupts();
  const Posterior found =
      sample_posterior(*loaded.model, targets.x, targets.y, c.options, rng, [](double) { return !interrupted(); });
  const Json s = summarise(c, loaded, targets, found);
  const at::Tensor y =
      targets.y.defined() ? targets.y.view({-1, 1, 1}).expand(found.log_density.sizes()).contiguous() : targets.y;
  write_latents(c.out + "/posterior.npz", *loaded.model, {found.code, y},
                {{"log_density", found.log_density},
                 {"ess", found.ess},
                 {"r_hat", found.r_hat},
                 {"acceptance", found.acceptance}});
  if (loaded.domain.kind == Domain::Kind::image) write_picture(c.out + "/draws.png", *loaded.model, targets, found);
  write_file(c.out + "/summary.json", s.dump(2) + "\n");
  if (c.json) {
    fmt::print("{}\n", s.dump(2));
    return;
  }
  fmt::print("{} images ({}), {} chains of {} draws\n", targets.size(), targets.what, c.options.chains,
             found.code.size(2));
  fmt::print("  effective samples  median {:.0f}, least {:.0f}   of the number of the code that mixes worst\n",
             s["ess_median"].get<double>(), s["ess_least"].get<double>());
  fmt::print("  R-hat              median {:.3f}, largest {:.3f}   {} images whose chains have not met\n",
             s["r_hat_median"].get<double>(), s["r_hat_largest"].get<double>(), s["not_met"].get<int64_t>());
  fmt::print("  accepted           {:.0f} %\n{}\n", 100 * s["acceptance"].get<double>(), c.out);
}

}  // namespace

void setup_posterior(CLI::App& app) {
  auto c = std::make_shared<PosteriorCommand>();
  PosteriorOptions& o = c->options;
  c->targets.count = 8;
  app.add_option("model", c->model, "model file or run folder")->required();
  add_target_options(app, c->targets);
  app.add_option("--chains", o.chains, "for each image")->check(CLI::Range(2, 10000))->capture_default_str();
  app.add_option("--warmup", o.warmup, "trajectories in which step sizes adapt, not kept")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  app.add_option("--draws", o.draws, "trajectories kept of each chain")
      ->check(CLI::Range(4, 1000000))
      ->capture_default_str();
  app.add_option("--leapfrogs", o.hmc.leapfrogs, "steps of a trajectory")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--noise", o.noise, "standard deviation of noise on the pixels; 0: as the model says")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--seed", c->seed, "of starts and trajectories")->capture_default_str();
  app.add_option("--out", c->out, "folder for posterior.npz, draws.png and summary.json")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_flag("--json", c->json, "print the summary as JSON");
  app.callback([c] { run_posterior(*c); });
}

}  // namespace obverse
