#include "obverse/apps/anomaly.h"

#include <ATen/ATen.h>

#include <charconv>
#include <cmath>

#include "obverse/apps/detection.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/io/safetensors.h"
#include "obverse/recipe/toml.h"

namespace obverse {
namespace {

constexpr const char* kFormat = "obverse-detector";

AnomalyScores checked(AnomalyScores scores, const std::string& method) {
  if (!scores.value.isfinite().all().item<bool>())
    fail("{}: some scores are not finite numbers: the model has diverged, or the data are far from what it knows",
         method);
  return scores;
}

void check_samples(const LatentModel& model, const at::Tensor& x) {
  if (x.sizes().slice(1) != at::IntArrayRef(model.domain().shape))
    fail("{}: the model is of {}: score data of that kind", model.name, model.domain().text());
}

double number(const std::string& text, const std::string& where) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end || !std::isfinite(value))
    fail("{}: '{}' is not a number: the file is damaged", where, text);
  return value;
}

}  // namespace

Detector fit_detector(LatentModel& model, const std::string& method, const AnomalyOptions& options,
                      const at::Tensor& normal, const at::Tensor& held_out, double false_alarms, Rng& rng) {
  const AnomalyRow& row = find_row(anomaly_table(), "method", method);
  if (model.classes() > 0 || model.translates())
    fail("{}: is told the class of what it makes: anomalies are found by an unconditional model", model.name);
  check_suits(row, model);
  check_samples(model, normal);
  check_samples(model, held_out);
  conformal_threshold(at::zeros({held_out.size(0)}, at::kDouble), false_alarms);  // enough samples? before the work
  Detector detector;
  detector.method = method;
  detector.options = options;
  detector.model = model.name;
  detector.model_hash = model.hash;
  detector.false_alarms = false_alarms;
  if (row.learn) detector.learned = row.learn({model, options, rng}, normal);
  detector.normal_scores = score_samples(detector, model, held_out, rng).value;
  detector.threshold = conformal_threshold(detector.normal_scores, false_alarms);
  return detector;
}

AnomalyScores score_samples(const Detector& detector, LatentModel& model, const at::Tensor& x, Rng& rng) {
  check_samples(model, x);
  const AnomalyRow& row = find_row(anomaly_table(), "method", detector.method);
  return checked(row.score({model, detector.options, rng}, detector.learned, x), detector.method);
}

void write_detector(const std::string& path, Detector& detector) {
  NamedTensors tensors = {{"normal_scores", detector.normal_scores}};
  for (const auto& [name, tensor] : detector.learned) tensors.emplace_back("learned." + name, tensor.contiguous());
  write_safetensors(path, tensors,
                    {{"format", kFormat},
                     {"method", detector.method},
                     {"options", write_options(detector.options)},
                     {"model", detector.model},
                     {"model_hash", detector.model_hash},
                     {"seen", detector.seen ? "true" : "false"},
                     {"false_alarms", fmt::format("{}", detector.false_alarms)}});
}

Detector read_detector(const std::string& path) {
  const TensorFile file = read_safetensors(path);
  const auto text = [&](const char* key) {
    const auto found = file.metadata.find(key);
    return found == file.metadata.end() ? std::string() : found->second;
  };
  if (text("format") != kFormat) fail("{}: not a detector: obverse anomaly fit writes one", path);
  Detector detector;
  detector.method = text("method");
  find_row(anomaly_table(), "method", detector.method);
  read_options({text("options"), path, {}}, detector.options);
  detector.model = text("model");
  detector.model_hash = text("model_hash");
  detector.seen = text("seen") == "true";
  detector.false_alarms = number(text("false_alarms"), path);
  if (!(detector.false_alarms > 0 && detector.false_alarms < 1))
    fail("{}: a false-alarm rate of {}: the file is damaged", path, detector.false_alarms);
  detector.normal_scores = find_tensor(file.tensors, "normal_scores", path);
  if (detector.normal_scores.dim() != 1 || detector.normal_scores.scalar_type() != at::kDouble)
    fail("{}: its normal scores are not a row of numbers: the file is damaged", path);
  for (const auto& [name, tensor] : file.tensors)
    if (!at::isfinite(tensor).all().item<bool>()) fail("{}: {} holds NaN or inf: the file is damaged", path, name);
  detector.threshold = conformal_threshold(detector.normal_scores, detector.false_alarms);
  const std::string learned = "learned.";
  for (const auto& [name, tensor] : file.tensors)
    if (name.compare(0, learned.size(), learned) == 0)
      detector.learned.emplace_back(name.substr(learned.size()), tensor);
  return detector;
}

void check_model(const Detector& detector, const LatentModel& model) {
  if (detector.model_hash != model.hash)
    fail("{}: the detector was made for another model ({}): fit one for this model", model.name, detector.model);
}

}  // namespace obverse
