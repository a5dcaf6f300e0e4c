#include "obverse/apps/anomaly_data.h"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/data/columns.h"
#include "obverse/data/draws.h"
#include "obverse/data/sources.h"

namespace obverse {
namespace {

constexpr double kHeldOut = 0.1;
constexpr const char* kGood = "good";  // MVTec's name for normal samples (Bergmann 2019)

void check_domain(const Dataset& data, const LoadedModel& model) {
  if (data.domain.kind != model.domain.kind || data.domain.shape != model.domain.shape)
    fail("{}: {}, the model is of {}: use data of that kind", data.name, data.domain.text(), model.domain.text());
}

// The model's data, or another source read as they were.
DataOptions options_for(const LoadedModel& model, const std::string& source) {
  DataOptions options = model.recipe.data;
  options.limit = 0;
  if (source.empty() || source == options.source) return options;
  options.source = source;
  options.path.clear();
  options.classes.clear();
  options.held_out = 0;
  return options;
}

int64_t class_index(const std::vector<std::string>& classes, const std::string& name) {
  const auto found = std::find(classes.begin(), classes.end(), name);
  return found == classes.end() ? -1 : found - classes.begin();
}

// A path's samples; a table's columns become numbers as the model's did.
Reading read_like(const DataOptions& options, const std::string& split, const LoadedModel& model) {
  Reading reading = read_path(options, split, model.domain.columns);
  if (!reading.problems.empty()) throw UserError(problem_lines(options.source, reading.problems));
  return reading;
}

// Another table than the model's: its columns by the model's own means, a part of its rows held out.
std::pair<Dataset, Dataset> split_table(const DataOptions& options, const LoadedModel& model) {
  const Dataset all = read_like(options, "train", model).data;
  const at::Tensor order = Draws("split").permutation(all.size());
  const int64_t apart = std::max<int64_t>(1, static_cast<int64_t>(options.held_out * static_cast<double>(all.size())));
  Dataset normal = all, held_out = all;
  const auto choose = [&](Dataset& data, const at::Tensor& rows) {
    data.samples = all.samples.index_select(0, rows);
    if (all.labels.defined()) data.labels = all.labels.index_select(0, rows);
  };
  choose(normal, order.slice(0, 0, all.size() - apart));
  choose(held_out, order.slice(0, all.size() - apart));
  return {normal, held_out};
}

Dataset normal_part(Dataset data, std::vector<std::string>& notices) {
  if (!data.labels.defined()) return data;
  if (const int64_t good = class_index(data.domain.classes, kGood); good >= 0) return of_classes(data, {good});
  const at::Tensor counts = data.labels.bincount({}, static_cast<int64_t>(data.domain.classes.size()));
  if (const auto present = (counts > 0).sum().item<int64_t>(); present > 1 && notices.empty())
    notices.push_back(
        fmt::format("{} holds {} classes: all are taken as normal; data.classes chooses", data.name, present));
  return data;
}

}  // namespace

NormalData load_normal(const LoadedModel& model, const std::string& source) {
  DataOptions options = options_for(model, source);
  NormalData result;
  if (options.held_out == 0) {
    options.held_out = kHeldOut;
    result.seen = options.source == model.recipe.data.source;
    if (result.seen)
      result.notices.push_back(
          "the model was trained on the samples that set the threshold: it may be too low; train with data.held_out");
  }
  const bool other_table =
      !model.domain.columns.empty() && is_csv(options.source) && options.source != model.recipe.data.source;
  std::pair<Dataset, Dataset> data = other_table
                                         ? split_table(options, model)
                                         : std::pair{load_dataset_like(options, "train", model.domain.columns),
                                                     load_dataset_like(options, "held-out", model.domain.columns)};
  check_domain(data.first, model);
  data = {normal_part(data.first, result.notices), normal_part(data.second, result.notices)};
  result.name = data.first.name;
  result.normal = data.first.head().x;
  result.held_out = data.second.head().x;
  return result;
}

std::string ScoredData::class_of(int64_t row) const {
  if (!labels.defined()) return {};
  const auto label = labels[row].item<int64_t>();
  return label < 0 ? std::string() : classes[static_cast<size_t>(label)];
}

ScoredData load_scored(const LoadedModel& model, const std::string& source,
                       const std::vector<std::string>& normal_classes, int64_t count) {
  DataOptions options = options_for(model, source);
  ScoredData scored;
  const bool own = options.source == model.recipe.data.source;
  for (const int64_t k : model.recipe.data.classes)
    if (k < static_cast<int64_t>(model.domain.classes.size()))
      scored.normal_classes.push_back(model.domain.classes[static_cast<size_t>(k)]);
  options.classes.clear();
  Dataset data;
  if (is_path(options.source) && !own) {
    Reading reading = read_like(options, "test", model);
    data = reading.data;
    scored.names = reading.names;
  } else {
    data = load_dataset_like(options, "test", model.domain.columns);
  }
  check_domain(data, model);
  scored.name = data.name + (own ? " test" : "");
  scored.notices = data.notices;
  scored.classes = data.domain.classes;
  const Batch batch = data.head(count > 0 ? std::min(count, data.size()) : data.size());
  scored.x = batch.x;
  scored.labels = batch.y;
  auto& known = scored.normal_classes;
  if (!own)
    known.erase(std::remove_if(known.begin(), known.end(),
                               [&](const auto& name) { return class_index(scored.classes, name) < 0; }),
                known.end());
  if (!normal_classes.empty()) scored.normal_classes = normal_classes;
  if (scored.normal_classes.empty() && class_index(scored.classes, kGood) >= 0) scored.normal_classes = {kGood};
  if (!batch.y.defined()) {
    if (!normal_classes.empty()) fail("--normal-classes: {} has no labels", data.name);
    return scored;
  }
  if (scored.normal_classes.empty()) {
    scored.notices.push_back("which classes are normal is not known: name them by --normal-classes to measure");
    return scored;
  }
  at::Tensor normal = at::zeros({batch.x.size(0)}, at::kBool);
  for (const std::string& name : scored.normal_classes) {
    const int64_t index = class_index(scored.classes, name);
    if (index < 0) throw UserError("--normal-classes: " + unknown_name("class", name, scored.classes));
    normal.logical_or_(batch.y == index);
  }
  scored.anomalous = normal.logical_not();
  for (const auto& [kind, there] : {std::pair{"normal", normal.any()}, {"anomalous", scored.anomalous.any()}})
    if (!there.item<bool>())
      scored.notices.push_back(fmt::format("no {} sample among them: AUROC and AUPRC need both kinds", kind));
  return scored;
}

}  // namespace obverse
