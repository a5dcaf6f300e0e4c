#include "obverse/metrics/likelihood.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>

#include "obverse/cli/commands.h"
#include "obverse/cli/figures.h"
#include "obverse/cli/invert_targets.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/data/columns.h"
#include "obverse/games/recipe.h"
#include "obverse/models/prior.h"

namespace obverse {
namespace {

constexpr double kWideGap = 10;  // nats

struct LikelihoodCommand {
  std::string model, data, observation = "gaussian", split = "test";
  int64_t count = 50, simulated = 20;
  double sigma = 0;
  AnnealingOptions annealing;
  bool json = false;
};

// Likelihoods of images are stated for pixels in [0, 1], as in the papers; models and Observation have [-1, 1].
struct Scale {
  double sigma = 1;  // of a standard deviation, from [-1, 1] to the stated units
  double shift = 0;  // added to log p(x)
};

Scale scale_of(const Domain& domain, Observation::Kind kind) {
  if (domain.kind != Domain::Kind::image || kind == Observation::Kind::bernoulli) return {};
  double width = 1;
  for (const int64_t side : domain.shape) width *= static_cast<double>(side);
  return {0.5, width * std::log(2.0)};
}

// The best of a few standard deviations for some training samples, by short annealing.
double fit_sigma(const Decoder& decoder, int64_t latents, const at::Tensor& x, double unit, AnnealingOptions options) {
  options.chains = 4;
  options.distributions = std::min<int64_t>(options.distributions, 200);
  double best = 0, best_log_prob = -INFINITY;
  for (const double sigma : {0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5}) {
    Observation observation;
    observation.sigma = sigma / unit;
    const double log_prob =
        Annealing(decoder, latents, observation, options, x).forward(x).log_prob.mean().item<double>();
    fmt::print(stderr, "sigma {}: {:.1f} nats\n", sigma, log_prob);
    if (log_prob > best_log_prob) best = sigma / unit, best_log_prob = log_prob;
  }
  return best;
}

Figure make_figure(const std::string& metric, const std::string& label, double value, double error) {
  Figure f;
  f.metric = metric;
  f.label = label;
  f.name = metric + "_" + label;
  std::replace(f.name.begin(), f.name.end(), ' ', '_');
  f.value = value;
  f.low = value - 1.959964 * error;
  f.high = value + 1.959964 * error;
  f.interval = std::isnan(error) ? "none" : "normal, over samples";
  f.features = "none";
  f.features_accuracy = std::nan("");
  f.higher_is_better = true;
  return f;
}

void run_likelihood(const LikelihoodCommand& c) {
  const LoadedModel loaded = load_model(c.model);
  LatentModel& model = *loaded.model;
  if (model.translates()) fail("{}: translates images: likelihoods are of models that make them", c.model);
  if (!model.differentiable())
    fail("{}: what it decodes has no gradient, which the chains need: use eval --metrics likelihood", c.model);
  if (c.observation == "bernoulli" && c.sigma > 0) fail("--sigma: a Bernoulli observation has none: leave it out");
  if (c.observation == "bernoulli" && model.domain().kind != Domain::Kind::image)
    fail("--observation bernoulli: is of pixels on or off, {} makes points: use gaussian", c.model);
  if (model.classes() > 0) fail("{}: the model needs labels: likelihoods are of unconditional models", c.model);
  const auto start = std::chrono::steady_clock::now();
  const LatentSpace space = model.spaces().at(0);
  const int64_t latents = space.shape.at(0);
  const Prior& prior = find_row(prior_table(), "prior", space.prior);  // chains move in normal numbers behind it
  const Decoder decoder = [&](const at::Tensor& z) { return model.decode(prior.from_normal(z), {}); };
  Observation observation;
  if (c.observation == "bernoulli") observation.kind = Observation::Kind::bernoulli;
  const Scale scale = scale_of(model.domain(), observation.kind);
  const DataOptions options = data_named(c.data, loaded.recipe.data);
  const Dataset data = load_dataset_like(options, c.split, loaded.domain.columns);
  if (data.domain.shape != model.domain().shape)
    fail("{} holds {}, {} makes {}: name data of that kind with --data", options.source, data.domain.text(), c.model,
         model.domain().text());
  Rng rng(c.annealing.seed, "likelihood samples");
  const at::Tensor x = data.draw(std::min(c.count, data.size()), rng).x;
  observation.sigma = c.sigma / scale.sigma;
  if (observation.kind == Observation::Kind::gaussian && c.sigma == 0)
    observation.sigma =
        fit_sigma(decoder, latents, load_dataset_like(options, "train", loaded.domain.columns).draw(16, rng).x,
                  scale.sigma, c.annealing);
  const AnnealingResult found = Annealing(decoder, latents, observation, c.annealing, x).forward(x);
  const AnnealingGap gap = annealing_gap(decoder, latents, observation, c.annealing, c.simulated);

  Observation stated = observation;
  stated.sigma *= scale.sigma;
  const std::string metric = fmt::format("ais{}_{}x{}_{}", x.size(0), c.annealing.chains, c.annealing.distributions,
                                         observation.kind == Observation::Kind::bernoulli ? "bernoulli" : "gaussian");
  const double n = static_cast<double>(x.size(0));
  std::vector<Figure> figures = {
      make_figure(metric, "log likelihood", found.log_prob.mean().item<double>() + scale.shift,
                  x.size(0) > 1 ? found.log_prob.std().item<double>() / std::sqrt(n) : std::nan("")),
      make_figure(metric, "simulated lower bound", gap.lower + scale.shift, std::nan("")),
      make_figure(metric, "simulated upper bound", gap.upper + scale.shift, std::nan("")),
      make_figure(metric, "gap", gap.gap(), gap.error)};
  figures.back().higher_is_better = false;
  for (int64_t i = 0; i < x.size(0); ++i)  // two models see the same samples: their differences tell more than means
    figures[0].details.emplace_back(std::to_string(i), found.log_prob[i].item<double>() + scale.shift);
  for (Figure& f : figures) {
    f.n_real = x.size(0);
    f.seed = c.annealing.seed;
    f.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    f.protocol = fmt::format(
        "lower bound on log p(x) in nats{}; {}; {} chains of {} distributions, {} leapfrogs, acceptance {:.2f}; gap "
        "from {} "
        "simulated samples",
        scale.shift > 0 ? ", pixels in [0, 1]" : "", stated.text(), c.annealing.chains, c.annealing.distributions,
        c.annealing.leapfrogs, found.mean_acceptance, c.simulated);
  }
  MetricLine line;
  line.model = model.name;
  line.model_hash = model.hash;
  line.data = options.source;
  if (gap.gap() > kWideGap)
    fmt::print(stderr, "the gap of {:.1f} nats is too wide for the figure to mean much: raise --distributions\n",
               gap.gap());
  report_figures(figures, line, run_folder_of(c.model), c.json);
  if (!c.json) fmt::print("{}\n", figures[0].protocol);
}

}  // namespace

void setup_likelihood(CLI::App& app) {
  auto c = std::make_shared<LikelihoodCommand>();
  app.add_option("model", c->model, "model file or run folder")->required();
  app.add_option("--observation", c->observation, "p(x | z) around the decoder's output")
      ->check(CLI::IsMember({"gaussian", "bernoulli"}))
      ->capture_default_str();
  app.add_option("--sigma", c->sigma, "of the Gaussian, pixels in [0, 1]; else the best of nine for training samples")
      ->check(CLI::Range(1e-4, 100.0));
  app.add_option("--data", c->data, "data set; else the one that the model was trained on");
  app.add_option("--split", c->split, "train or test")->capture_default_str();
  app.add_option("--samples", c->count, "of the data")->check(CLI::Range(1, 1'000'000))->capture_default_str();
  app.add_option("--simulated", c->simulated, "samples of the model for the gap")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--chains", c->annealing.chains, "for each sample")->check(CLI::Range(1, 4096))->capture_default_str();
  app.add_option("--distributions", c->annealing.distributions, "between prior and posterior")
      ->check(CLI::Range(2, 1'000'000))
      ->capture_default_str();
  app.add_option("--seed", c->annealing.seed, "of samples and chains")->capture_default_str();
  app.add_flag("--json", c->json, "for programs");
  app.callback([c] { run_likelihood(*c); });
}

}  // namespace obverse
