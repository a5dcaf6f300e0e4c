#include "obverse/infer/model_metrics.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/infer/probes.h"
#include "obverse/infer/untrained.h"
#include "obverse/losses/reconstruction.h"
#include "obverse/metrics/kernel.h"
#include "obverse/metrics/modes.h"

namespace obverse {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kNormal = 1.959964;  // two-sided 95 %
constexpr int64_t kSlice = 500;
constexpr double kWithin = 0.1;  // a code counts as found within this distance a number

// f of slices of a data set's samples, put together.
template <class F>
at::Tensor over(const Dataset& data, const F& f) {
  std::vector<at::Tensor> parts;
  for (int64_t i = 0; i < data.size(); i += kSlice)
    parts.push_back(
        without_grad([&] { return f(data.get(at::arange(i, std::min(data.size(), i + kSlice), at::kLong))); }));
  return at::cat(parts);
}

// Makes figures of one metric, in order.
class Sheet {
 public:
  Sheet(std::string metric, std::string protocol, const ModelComparison& c)
      : metric_(std::move(metric)), protocol_(std::move(protocol)), comparison_(c) {}

  Figure& add(const std::string& label, double value, bool higher_is_better, int64_t n) {
    Figure f;
    f.label = label;
    f.metric = metric_;
    f.name = metric_ + "_" + label;
    std::replace(f.name.begin(), f.name.end(), ' ', '_');
    f.value = value;
    f.low = f.high = std::nan("");
    f.interval = "none";
    f.n_real = n;
    f.n_fake = 0;
    f.features = "-";
    f.resize = "none";
    f.features_accuracy = std::nan("");
    f.protocol = protocol_;
    f.seed = comparison_.options.seed;
    f.higher_is_better = higher_is_better;
    figures_.push_back(std::move(f));
    return figures_.back();
  }
  /// The mean of values [N], with a normal interval over samples.
  Figure& add_mean(const std::string& label, const at::Tensor& values, bool higher_is_better) {
    const at::Tensor v = values.to(at::kDouble);
    const double mean = v.mean().item<double>(), n = static_cast<double>(v.size(0));
    Figure& f = add(label, mean, higher_is_better, v.size(0));
    const double half = v.size(0) > 1 ? kNormal * v.std().item<double>() / std::sqrt(n) : std::nan("");
    f.low = mean - half;
    f.high = mean + half;
    f.interval = "normal over test samples, the model held fixed";
    return f;
  }
  std::vector<Figure> take(Clock::time_point start) {
    const std::chrono::duration<double> spent = Clock::now() - start;
    for (Figure& f : figures_) f.seconds = spent.count();
    return std::move(figures_);
  }

 private:
  std::string metric_, protocol_;
  const ModelComparison& comparison_;
  std::vector<Figure> figures_;
};

// Labels of other data are not the model's classes.
void check_labels(const ModelComparison& c) {
  if (c.loaded.model->classes() > 0 && c.test.domain.classes != c.loaded.domain.classes)
    fail("{}: its classes are not those of {}, which it would have to be told", c.test.name, c.loaded.model->name);
}

at::Tensor labels_for(const LatentModel& model, const at::Tensor& y) { return model.classes() > 0 ? y : at::Tensor(); }

// Of a mixture: the share of samples whose codes, drawn where the encoder is stochastic, decode to their own mode.
void add_modes(const ModelComparison& c, const Batch& held_out, Sheet& sheet) {
  LatentModel& model = *c.loaded.model;
  const std::optional<Mixture> mixture = known_mixture(c.train);
  if (!mixture || !model.can_encode()) return;
  Rng rng(c.options.seed, "drawn codes");
  const at::Tensor back = without_grad([&] { return model.decode(model.infer(held_out.x, {}).sample(rng), {}); });
  const auto mode_of = [&](const at::Tensor& x) { return at::cdist(x.to(at::kDouble), mixture->means).argmin(1); };
  sheet.add_mean("mode kept", (mode_of(back) == mode_of(held_out.x)).to(at::kDouble), true);
}

void add_reconstruction(const ModelComparison& c, Sheet& sheet) {
  LatentModel& model = *c.loaded.model;
  Rng order(c.options.seed, "held-out samples"), rng(c.options.seed, "invert");
  const Batch held_out = c.test.draw(std::min(c.options.inverted, c.test.size()), order);
  const Inversion found = invert(model, held_out.x, labels_for(model, held_out.y), c.options.invert, rng);
  sheet.add_mean("mse", found.mse, false);
  if (model.domain().kind == Domain::Kind::image) {
    sheet.add_mean("psnr", found.psnr, true);
    if (std::min(held_out.x.size(2), held_out.x.size(3)) >= 11)
      sheet.add_mean("ssim", structural_similarity(found.reconstruction, held_out.x), true);
  }
  add_modes(c, held_out, sheet);
  Figure& features = sheet.add_mean(
      "feature distance",
      relative_squared_error(features_of(c.network, found.reconstruction), features_of(c.network, held_out.x)), false);
  features.features = c.network.name;
  features.features_hash = c.network.hash;
  sheet.add("seconds an image", found.seconds.mean().item<double>(), false, held_out.x.size(0));
}

void add_recovery(const ModelComparison& c, Sheet& sheet) {
  LatentModel& model = *c.loaded.model;
  Rng draws(c.options.seed, "own samples"), rng(c.options.seed, "invert");
  const at::Tensor code = model.spaces().front().draw(c.options.inverted, draws);
  const at::Tensor y = model.classes() > 0 ? draws.integers(model.classes(), {code.size(0)}) : at::Tensor();
  const Inversion found = invert(model, decode_all(model, code, y), y, c.options.invert, rng);
  const at::Tensor distance = code_distance(found.code, code);
  sheet.add_mean("own code distance", distance, false);
  sheet.add_mean("own codes found", (distance <= kWithin).to(at::kDouble), true);
  sheet.add_mean("own mse", found.mse, false);
}

// E(x) of all test samples, drawn where the encoder is stochastic, against as many draws of the prior.
void add_mismatch(const ModelComparison& c, Sheet& sheet) {
  LatentModel& model = *c.loaded.model;
  Rng rng(c.options.seed, "aggregate posterior");
  const at::Tensor codes =
      over(c.test, [&](const Batch& b) { return model.infer(b.x, labels_for(model, b.y)).sample(rng).flatten(1); });
  const at::Tensor prior = model.spaces().front().draw(codes.size(0), rng).flatten(1);
  const KernelDistance mmd = kernel_distance(codes, prior, cubic_kernel(), {}, rng);
  Figure& f = sheet.add("code mmd", mmd.value, false, codes.size(0));
  f.low = mmd.value - kNormal * mmd.standard_error;
  f.high = mmd.value + kNormal * mmd.standard_error;
  f.interval = fmt::format("normal, from the spread of {} subsets of {}", mmd.subsets, mmd.subset_size);
}

using View = at::Tensor (*)(LatentModel& model, const Batch& batch);

at::Tensor codes_of(LatentModel& model, const Batch& b) { return model.encode(b.x, labels_for(model, b.y)).flatten(1); }
at::Tensor features_of_encoder(LatentModel& model, const Batch& b) { return model.encoder_features(b.x); }

// Shares of test samples whose labels are read off what the encoder says: by the nearest neighbour, by a linear probe.
std::pair<at::Tensor, at::Tensor> probe(LatentModel& model, View view, const ModelComparison& c) {
  const auto look = [&](const Batch& b) { return view(model, b); };
  const at::Tensor train = over(c.train, look), test = over(c.test, look);
  const auto classes = static_cast<int64_t>(c.train.domain.classes.size());
  return {nearest_labels(train, c.train.labels, test) == c.test.labels,
          linear_probe_labels(train, c.train.labels, classes, test) == c.test.labels};
}

void add_probes(const ModelComparison& c, Sheet& sheet) {
  LatentModel& model = *c.loaded.model;
  if (c.options.probe == "none" || !c.train.labels.defined() || !c.test.labels.defined()) return;
  const auto fresh = untrained_game(c.loaded, c.train, c.options.seed);
  const auto fresh_model = fresh->model();
  const auto add = [&](const std::string& what, View view) {
    const auto [nearest, linear] = probe(model, view, c);
    const auto [nearest_floor, linear_floor] = probe(*fresh_model, view, c);
    const auto add_one = [&](const std::string& label, const at::Tensor& right, const at::Tensor& floor) {
      Figure& f = sheet.add_mean(label + " on " + what, right, true);
      f.has_floor = true;
      f.floor = floor.to(at::kDouble).mean().item<double>();
      f.n_floor = floor.size(0);
    };
    add_one("1-nn", nearest, nearest_floor);
    add_one("linear probe", linear, linear_floor);
  };
  if (model.classes() == 0) add("codes", codes_of);  // a conditional encoder's say what it was told
  if (c.options.probe == "both" && model.has_encoder_features()) add("features", features_of_encoder);
}

std::vector<Figure> measure_inference(const ModelComparison& c) {
  const auto start = Clock::now();
  check_labels(c);
  const LatentModel& model = *c.loaded.model;
  const InvertMethod& method = choose_method(model, c.options.invert.method);
  Sheet sheet(
      fmt::format("inference{}_{}", c.options.inverted, method.name),
      fmt::format("codes by method {}; {} held-out and as many own samples; all test samples for MMD and probes, "
                  "the floor of probes is an untrained encoder",
                  method.name, c.options.inverted),
      c);
  add_reconstruction(c, sheet);
  add_recovery(c, sheet);
  if (model.can_encode()) {
    add_mismatch(c, sheet);
    add_probes(c, sheet);
  }
  return sheet.take(start);
}

std::vector<Figure> measure_likelihood(const ModelComparison& c) {
  const auto start = Clock::now();
  check_labels(c);
  LatentModel& model = *c.loaded.model;
  const bool exact = model.likelihood() == Likelihood::exact;
  const int64_t samples = c.options.bound_samples;
  Rng rng(c.options.seed, "likelihood");
  const at::Tensor nats =
      over(c.test, [&](const Batch& b) { return model.log_prob(b.x, labels_for(model, b.y), samples, rng); });
  Sheet sheet(exact ? "likelihood" : fmt::format("likelihood_bound{}", samples),
              exact ? "exact log p(x), nats" : fmt::format("lower bound of log p(x) from {} draws, nats", samples), c);
  sheet.add_mean("log p", nats, true);
  if (model.domain().kind == Domain::Kind::image) {
    double numbers = 1;
    for (const int64_t side : model.domain().shape) numbers *= static_cast<double>(side);
    sheet.add_mean("bits per dim", -nats / (numbers * std::log(2)), false);
  }
  return sheet.take(start);
}

// Test samples that come in pairs, of the first class and of the second in turn: [n, ...] of each.
std::pair<at::Tensor, at::Tensor> test_pairs(const Dataset& test) {
  const bool even = test.labels.defined() && test.size() % 2 == 0;
  if (!even || !at::equal(test.labels, at::arange(test.size(), at::kLong) % 2))
    fail(
        "{}: its test split is not of pairs, both classes in turn: translation is measured where they are, as in emoji",
        test.name);
  const at::Tensor x = test.head().x;
  return {x.slice(0, 0, x.size(0), 2), x.slice(0, 1, x.size(0), 2)};
}

std::vector<Figure> measure_translation(const ModelComparison& c) {
  const auto start = Clock::now();
  LatentModel& model = *c.loaded.model;
  if (!model.translates()) fail("translation: {} does not translate", model.name);
  const auto [a, b] = test_pairs(c.test);
  Sheet sheet("translation", "held-out pairs; the floor is the picture as it was", c);
  for (const int64_t to : {0, 1}) {
    const at::Tensor from = to == 0 ? b : a, wanted = to == 0 ? a : b;
    const at::Tensor made = decode_all(model, from, at::full({from.size(0)}, to, at::kLong));
    const auto add = [&](const char* what, const at::Tensor& value, const at::Tensor& untouched, bool higher) {
      Figure& f =
          sheet.add_mean(std::string(what) + " to " + model.domain().classes[static_cast<size_t>(to)], value, higher);
      f.has_floor = true;
      f.floor = untouched.to(at::kDouble).mean().item<double>();
      f.n_floor = from.size(0);
    };
    add("mse", mean_squared_error(made, wanted), mean_squared_error(from, wanted), false);
    add("ssim", structural_similarity(made, wanted), structural_similarity(from, wanted), true);
  }
  return sheet.take(start);
}

}  // namespace

const std::vector<ModelMetricRow>& model_metric_table() {
  static const std::vector<ModelMetricRow> table = {
      {"inference", "reconstruction, recovery of codes, mismatch with the prior, what labels codes tell",
       measure_inference},
      {"likelihood", "log p(x) of test samples: exact for flows, Burda 2016's bound for VAEs", measure_likelihood},
      {"translation", "of a translator: the distance to the true other picture, on held-out pairs",
       measure_translation},
  };
  return table;
}

}  // namespace obverse
