#include "obverse/infer/invert.h"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/infer/code_space.h"
#include "obverse/losses/reconstruction.h"

namespace obverse {

const std::vector<InvertMethod>& invert_table() {
  static const std::vector<InvertMethod> table = {
      {"optimise", "Zhu 2016, Lipton 2017: gradient descent on the code, G frozen", false, true},
      {"encode", "Donahue 2017, Schlegl 2019: one pass of an encoder", true, false},
      {"hybrid", "Zhu 2016: the encoder's code, then gradient descent from it", true, true},
      {"auto", "what suits the model: encode where that is exact, hybrid where there is an encoder, else optimise"},
  };
  return table;
}

void InvertOptions::describe(Fields& f) {
  f("method", method, "how codes are inferred", names(invert_table()));
  f("budget_ms", budget_ms, "milliseconds a sample that the search may take; 0: any", kNotNegative);
  optimise.describe(f);
}

at::Tensor code_distance(const at::Tensor& a, const at::Tensor& b) { return mean_squared_error(a, b).sqrt(); }

namespace {

// Codes of the encoder, in slices; of every class in turn when the labels are wanted but unknown.
Starts encoded_starts(LatentModel& model, const at::Tensor& x, const at::Tensor& y, int64_t slice) {
  const bool every_class = model.classes() > 0 && !y.defined();
  const int64_t tries = every_class ? model.classes() : 1;
  std::vector<at::Tensor> codes, labels;
  for (int64_t c = 0; c < tries; ++c)
    for (int64_t i = 0; i < x.size(0); i += slice) {
      const at::Tensor part = x.slice(0, i, i + slice);
      at::Tensor label = y.defined() ? y.slice(0, i, i + slice) : y;
      if (every_class) label = at::full({part.size(0)}, c, at::kLong);
      codes.push_back(without_grad([&] { return model.encode(part, label); }));
      if (label.defined()) labels.push_back(label);
    }
  return {at::cat(codes), labels.empty() ? at::Tensor() : at::cat(labels), at::arange(x.size(0)).repeat({tries})};
}

Starts together(const Starts& a, const Starts& b) {
  return {at::cat({a.code, b.code}), a.y.defined() ? at::cat({a.y, b.y}) : a.y, at::cat({a.image, b.image})};
}

Starts choose_starts(LatentModel& model, const at::Tensor& x, const at::Tensor& y, const InvertMethod& method,
                     OptimiseOptions options, Rng& rng) {
  if (!method.encodes) return draw_starts(model, x, y, options, rng);
  const Starts encoded = encoded_starts(model, x, y, options.batch);
  if (!method.optimises || options.restarts == 1) return encoded;
  --options.restarts;
  return together(encoded, draw_starts(model, x, y, options, rng));
}

void check_targets(const LatentModel& model, const at::Tensor& x) {
  if (x.sizes().slice(1) != at::IntArrayRef(model.domain().shape))
    fail("{}: makes {}, the samples to invert are of another shape ({}): resize them, or use another model", model.name,
         model.domain().text(), fmt::join(x.sizes().slice(1), "x"));
  if (!at::isfinite(x).all().item<bool>()) fail("the samples to invert hold NaN or infinite numbers: clean them first");
}

// Decodes the codes and measures them against x.
void measure(LatentModel& model, const at::Tensor& x, const OptimiseOptions& options, Inversion& result) {
  result.reconstruction = decode_all(model, result.code, result.y);
  result.mse = mean_squared_error(result.reconstruction, x);
  result.psnr = psnr(result.mse);
  const FeatureMap features = feature_map(model, options);
  if (!features) return;
  std::vector<at::Tensor> errors;
  for (int64_t i = 0; i < x.size(0); i += options.batch)
    errors.push_back(without_grad([&] {
      return relative_squared_error(features(result.reconstruction.slice(0, i, i + options.batch)),
                                    features(x.slice(0, i, i + options.batch)));
    }));
  result.feature_error = at::cat(errors);
}

}  // namespace

const InvertMethod& choose_method(const LatentModel& model, const std::string& name) {
  const char* suits = model.invertible() ? "encode" : model.can_encode() ? "hybrid" : "optimise";
  const InvertMethod& method = find_row(invert_table(), "method", name == "auto" ? suits : name);
  if (method.encodes && !model.can_encode())
    fail("method {}: {} has no encoder; use --method optimise, or train one: a recipe with [game] kind = \"encoder\"",
         method.name, model.name);
  if (method.optimises && !model.differentiable())
    fail("method {}: what {} decodes has no gradient to descend by; use --method encode", method.name, model.name);
  return method;
}

double reach(LatentModel& model, Rng& rng, int64_t count) {
  if (model.invertible()) return std::numeric_limits<double>::infinity();
  const at::Tensor y = model.classes() > 0 ? rng.integers(model.classes(), {count}) : at::Tensor();
  const at::Tensor x = decode_all(model, draw_codes(model, count, y, rng), y).flatten(1);
  at::Tensor distance = at::cdist(x, x).square() / static_cast<double>(x.size(1));
  distance.fill_diagonal_(std::numeric_limits<double>::infinity());
  return at::quantile(std::get<0>(distance.min(1)), 0.95).item<double>();
}

Inversion invert(LatentModel& model, const at::Tensor& x, const at::Tensor& y, const InvertOptions& options, Rng& rng,
                 const InferProgress& progress) {
  using Clock = std::chrono::steady_clock;
  const InvertMethod& method = choose_method(model, options.method);
  check_targets(model, x);
  const auto start = Clock::now();
  const double budget = options.budget_ms / 1000 * static_cast<double>(x.size(0));
  const auto spent = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  OptimiseOptions search = options.optimise;
  if (!method.optimises) search.steps = 0;
  const at::Tensor labels = model.classes() > 0 ? y : at::Tensor();
  const Starts starts = choose_starts(model, x, labels, method, search, rng);
  const double choosing = spent();
  if (budget > 0 && choosing > budget)
    fail("budget_ms {:g}: choosing where to start took {:.3g} ms a sample: give more, or invert more samples at once",
         options.budget_ms, 1000 * choosing / static_cast<double>(x.size(0)));
  double asked = choosing;
  const Optimised found = optimise(model, x, starts, search, rng, [&](double share) {
    const double now = spent(), next = now + (now - asked);  // if it takes as long as the last time
    asked = now;
    return (budget == 0 || next <= budget) && (!progress || progress(share));
  });
  Inversion result;
  result.method = method.name;
  result.code = found.code;
  result.y = found.y;
  result.steps = found.steps;
  result.seconds = found.seconds + choosing / static_cast<double>(x.size(0));
  measure(model, x, search, result);
  return result;
}

}  // namespace obverse
