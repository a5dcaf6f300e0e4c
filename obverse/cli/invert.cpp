#include "obverse/infer/invert.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "obverse/cli/commands.h"
#include "obverse/cli/interrupt.h"
#include "obverse/cli/invert_targets.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/infer/code_space.h"
#include "obverse/infer/latent_file.h"
#include "obverse/infer/search.h"
#include "obverse/io/files.h"
#include "obverse/io/image.h"

namespace obverse {
namespace {

using Json = nlohmann::ordered_json;

constexpr int64_t kGridImages = 256;  // a grid shows so many at most
constexpr int64_t kFigureRows = 4, kFigureColumns = 16;

struct InvertCommand {
  std::string model, out = "inversion", space = "z";
  TargetChoice targets;
  InvertOptions options;
  int64_t seed = 0, columns = 0;
  double within = 0.1;
  bool find_class = false, json = false;
};

double quantile_of(const at::Tensor& values, double q) {
  return at::quantile(values.to(at::kDouble), q).item<double>();
}

// Figures that were not measured are null.
Json summarise(const InvertCommand& c, const LoadedModel& loaded, const Targets& t, const Inversion& found,
               double reach_mse) {
  const at::Tensor mse = found.mse;
  Json s = {{"method", found.method},
            {"images", t.size()},
            {"descent", c.options.optimise.descent},
            {"steps", c.options.optimise.steps},
            {"steps_mean", found.steps.to(at::kDouble).mean().item<double>()},
            {"restarts", c.options.optimise.restarts},
            {"mse_mean", mse.to(at::kDouble).mean().item<double>()},
            {"mse_median", quantile_of(mse, 0.5)},
            {"mse_p95", quantile_of(mse, 0.95)},
            {"psnr_median", quantile_of(found.psnr, 0.5)},
            {"feature_error_median", nullptr},
            {"seconds_per_image", found.seconds.mean().item<double>()},
            {"target", t.what},
            {"recovered_share", nullptr},
            {"recovered_within", c.within},
            {"class_accuracy", nullptr},
            {"model", loaded.model->name},
            {"model_hash", loaded.model->hash},
            {"seed", c.seed},
            {"reach_mse", std::isfinite(reach_mse) ? Json(reach_mse) : Json(nullptr)},
            {"outside", (mse > reach_mse).sum().item<int64_t>()},
            {"interrupted", interrupted().load()}};
  if (found.feature_error.defined()) s["feature_error_median"] = quantile_of(found.feature_error, 0.5);
  if (t.code.defined())
    s["recovered_share"] = (code_distance(found.code, t.code) <= c.within).to(at::kDouble).mean().item<double>();
  if (c.find_class && t.y.defined() && found.y.defined())
    s["class_accuracy"] = (found.y == t.y).to(at::kDouble).mean().item<double>();
  return s;
}

void write_found(const std::string& path, const LatentModel& model, const Inversion& found) {
  NamedTensors more = {{"mse", found.mse}, {"psnr", found.psnr}, {"steps", found.steps}, {"seconds", found.seconds}};
  if (found.feature_error.defined()) more.emplace_back("feature_error", found.feature_error);
  write_latents(path, model, {found.code, found.y}, more);
}

// Row after row the originals, their reconstructions, and where the two differ: at most kFigureRows of each.
void write_figure(const InvertCommand& c, const std::vector<at::Tensor>& kinds) {
  const int64_t columns = c.columns > 0 ? c.columns : std::min(kFigureColumns, kinds[0].size(0));
  std::vector<at::Tensor> rows;
  for (int64_t i = 0; i < std::min(kinds[0].size(0), kFigureRows * columns); i += columns)
    for (const at::Tensor& kind : kinds) {
      const at::Tensor row = kind.slice(0, i, i + columns);
      rows.push_back(row);
      if (row.size(0) < columns) {  // the last row, filled with white
        std::vector<int64_t> rest = row.sizes().vec();
        rest[0] = columns - row.size(0);
        rows.push_back(at::ones(rest));
      }
    }
  write_png(c.out + "/figure.png", tile_images(to_bytes(at::cat(rows)), columns));
}

void write_pictures(const InvertCommand& c, const Targets& t, const at::Tensor& reconstruction) {
  const at::Tensor errors = (reconstruction - t.x).abs() - 1;  // black: none, white: 2
  const auto grid = [&](const std::string& name, const at::Tensor& x) {
    write_png(c.out + "/" + name, tile_images(to_bytes(x.slice(0, 0, kGridImages)), c.columns));
  };
  grid("originals.png", t.x);
  grid("reconstructions.png", reconstruction);
  grid("errors.png", errors);
  write_figure(c, {t.x, reconstruction, errors});
  if (t.files.empty()) return;
  std::filesystem::create_directories(c.out + "/reconstructions");
  const at::Tensor bytes = to_bytes(reconstruction);
  for (size_t i = 0; i < t.files.size(); ++i)
    write_png(
        fmt::format("{}/reconstructions/{:04}-{}.png", c.out, i, std::filesystem::path(t.files[i]).stem().string()),
        bytes[static_cast<int64_t>(i)]);
}

void print_summary(const Json& s, const std::string& out) {
  const auto number = [&](const char* key) { return s[key].get<double>(); };
  fmt::print("{} images ({}) by {}\n", s["images"].get<int64_t>(), s["target"].get<std::string>(),
             s["method"].get<std::string>());
  fmt::print("  squared error  mean {:.5f}  median {:.5f}  95 % {:.5f}   a number, images in [-1, 1]\n",
             number("mse_mean"), number("mse_median"), number("mse_p95"));
  fmt::print("  psnr           median {:.2f} dB\n", number("psnr_median"));
  if (!s["feature_error_median"].is_null())
    fmt::print("  features       median {:.4f}   relative squared error\n", number("feature_error_median"));
  if (!s["recovered_share"].is_null())
    fmt::print("  codes found    {:.1f} %   within {:g} a number\n", 100 * number("recovered_share"),
               number("recovered_within"));
  if (!s["class_accuracy"].is_null()) fmt::print("  classes found  {:.1f} %\n", 100 * number("class_accuracy"));
  fmt::print("  time           {:.4f} s an image, {:.0f} steps\n", number("seconds_per_image"), number("steps_mean"));
  fmt::print("{}\n", out);
}

bool show_progress(double share, bool terminal) {
  if (terminal) {
    fmt::print(stderr, "\r\033[K{:3.0f} %", 100 * share);
    std::fflush(stderr);
  }
  return !interrupted();
}

void run_invert(const InvertCommand& c) {
  LoadedModel loaded = load_model(c.model);  // float32: a line search needs it
  loaded.model = in_space(std::move(loaded.model), c.space);
  Rng rng(static_cast<uint64_t>(c.seed), "invert"), own_rng(static_cast<uint64_t>(c.seed), "own samples");
  const Targets targets = choose_targets(c.targets, loaded, own_rng);
  std::error_code error;
  std::filesystem::create_directories(c.out, error);
  if (error) fail("{}: cannot make the folder ({}): name another with --out", c.out, error.message());
  catch_interrupts();
  const bool terminal = isatty(2) && !c.json;
  const Inversion found = invert(*loaded.model, targets.x, c.find_class ? at::Tensor() : targets.y, c.options, rng,
                                 [&](double share) { return show_progress(share, terminal); });
  if (terminal) fmt::print(stderr, "\r\033[K");
  Rng reach_rng(0, "reach");
  const Json summary = summarise(c, loaded, targets, found, reach(*loaded.model, reach_rng));
  write_found(c.out + "/latents.npz", *loaded.model, found);
  if (loaded.domain.kind == Domain::Kind::image) write_pictures(c, targets, found.reconstruction);
  write_file(c.out + "/summary.json", summary.dump(2) + "\n");
  if (const auto outside = summary["outside"].get<int64_t>(); outside > 0)
    fmt::print(stderr,
               "warning: {} of {} images lie outside what the model can make: their errors are above {:.3g}, the "
               "distance between neighbours among its own samples\n",
               outside, targets.size(), summary["reach_mse"].get<double>());
  if (interrupted()) fmt::print(stderr, "stopped: these are the codes found so far\n");
  if (c.json)
    fmt::print("{}\n", summary.dump(2));
  else
    print_summary(summary, c.out);
}

}  // namespace

void setup_invert(CLI::App& app) {
  auto c = std::make_shared<InvertCommand>();
  OptimiseOptions& o = c->options.optimise;
  app.add_option("model", c->model, "model file or run folder")->required();
  add_target_options(app, c->targets);
  app.add_option("--method", c->options.method, "how codes are inferred")
      ->check(CLI::IsMember(names(invert_table())))
      ->capture_default_str();
  app.add_option("--space", c->space, "of the codes; w and w+ are those of StyleGAN's generators")
      ->check(CLI::IsMember(space_names()))
      ->capture_default_str();
  app.add_option("--budget-ms", c->options.budget_ms, "milliseconds an image after which the work stops; 0: none")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--steps", o.steps, "gradient steps on each code")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  app.add_option("--restarts", o.restarts, "codes tried for each image")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--descent", o.descent, "how the loss is descended")
      ->check(CLI::IsMember(names(descent_table())))
      ->capture_default_str();
  app.add_option("--lr", o.lr, "first step size of adam")->check(CLI::Range(1e-9, 1e3))->capture_default_str();
  app.add_option("--prior", o.prior_weight, "weight of the prior: twice the variance of noise on the pixels")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--pixels", o.pixel_weight, "weight of the squared error of pixels")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--feature-network", o.feature_network,
                 "whose features: FILE.pt, random, or a data set whose classifier's; else the discriminator's");
  app.add_flag("--sphere", o.sphere, "only codes as long as draws of the prior are");
  app.add_option("--features", o.feature_weight, "weight of the distance in features")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--clip", o.clip, "adam: redraw numbers of a code that are beyond this; 0: off")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--batch", o.batch, "codes decoded at once")->check(CLI::Range(1, 65536))->capture_default_str();
  app.add_flag("--find-class", c->find_class, "infer the class too, as is done where it is not known");
  app.add_option("--within", c->within, "a code counts as found within this distance a number")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--seed", c->seed, "of starts and of --own samples")->capture_default_str();
  app.add_option("--columns", c->columns, "of the grids; 0: about square")->check(CLI::Range(0, 1000));
  app.add_option("--out", c->out,
                 "folder for latents.npz, pictures (figure.png: originals, reconstructions, errors) and summary.json")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_flag("--json", c->json, "print the summary as JSON");
  app.callback([c] { run_invert(*c); });
}

}  // namespace obverse
