#include "obverse/studio/play.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "obverse/apps/directions.h"
#include "obverse/apps/edit.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/data/columns.h"
#include "obverse/infer/code_space.h"
#include "obverse/infer/invert.h"
#include "obverse/io/image.h"
#include "obverse/io/resize.h"
#include "obverse/report/format.h"

namespace obverse {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int64_t kSlice = 64;                        // codes decoded at once
constexpr size_t kModels = 4;                         // kept in memory
constexpr int64_t kMostCodes = 4096;                  // of one question
constexpr int64_t kDirections = 8;                    // without labels
constexpr auto kPatience = std::chrono::seconds(15);  // of a question, while another is computed
constexpr auto kLongest = std::chrono::seconds(20);   // of an inversion
constexpr uint64_t kSeed = 0;                         // of inversions and directions

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

// x: float [N, ...], each a list of numbers.
Json numbers(const at::Tensor& x) {
  const at::Tensor flat = x.detach().to(at::kFloat).flatten(1).contiguous();
  const float* values = flat.data_ptr<float>();
  const int64_t width = flat.size(1);
  Json rows = Json::array();
  for (int64_t i = 0; i < flat.size(0); ++i)
    rows.push_back(std::vector<float>(values + i * width, values + (i + 1) * width));
  return rows;
}

Json labels_of(const at::Tensor& y) {
  if (!y.defined()) return nullptr;
  const at::Tensor labels = y.contiguous();
  return std::vector<int64_t>(labels.data_ptr<int64_t>(), labels.data_ptr<int64_t>() + labels.numel());
}

int64_t length_of(const LatentModel& model) {
  int64_t length = 1;
  const LatentSpace space = model.spaces().front();
  for (const int64_t side : space.shape) length *= side;
  return length;
}

// [N, length] -> [N, ...] of the model's codes.
at::Tensor shaped(const LatentModel& model, const at::Tensor& flat) {
  std::vector<int64_t> sizes = model.spaces().front().shape;
  sizes.insert(sizes.begin(), flat.size(0));
  return flat.view(sizes);
}

at::Tensor codes_from(const LatentModel& model, const Json& codes) {
  const int64_t length = length_of(model);
  if (!codes.is_array() || codes.empty() || codes.size() > kMostCodes)
    fail("codes: give a list of 1 to {} codes", kMostCodes);
  const at::Tensor flat = at::empty({static_cast<int64_t>(codes.size()), length});
  float* to = flat.data_ptr<float>();
  for (const Json& code : codes) {
    if (!code.is_array() || static_cast<int64_t>(code.size()) != length)
      fail("codes: a code of {} is a list of {} numbers", model.name, length);
    for (const Json& number : code) {
      if (!number.is_number() || !std::isfinite(number.get<float>())) fail("codes: hold what is no finite number");
      *to++ = number.get<float>();
    }
  }
  return shaped(model, flat);
}

void check_label(const LatentModel& model, int64_t label) {
  if (label < -1 || (label >= 0 && label >= model.classes()))
    fail("class {}: {} has {} classes, numbered from 0", label, model.name, model.classes());
}

// Labels of n samples: one class, or with -1 classes in turn. Undefined for an unconditional model.
at::Tensor labels_for(const LatentModel& model, int64_t label, int64_t n) {
  check_label(model, label);
  if (model.classes() == 0) return {};
  return label < 0 ? at::arange(n, at::kLong).remainder(model.classes()) : at::full({n}, label, at::kLong);
}

at::Tensor labels_from(const LatentModel& model, const Json& labels, int64_t n) {
  if (model.classes() == 0) return {};
  if (!labels.is_array() || static_cast<int64_t>(labels.size()) != n) fail("labels: give a class for each code");
  std::vector<int64_t> values;
  for (const Json& label : labels) {
    if (!label.is_number_integer() || label.get<int64_t>() < 0) fail("labels: are numbers of classes, from 0");
    check_label(model, label.get<int64_t>());
    values.push_back(label.get<int64_t>());
  }
  return at::tensor(values, at::kLong);
}

std::string picture_text(const at::Tensor& x, int64_t columns = 0) {
  return base64(encode_png(tile_images(to_bytes(x), columns)));
}

// Samples as a page shows them: images in one grid, or points.
Json shown(const LatentModel& model, const at::Tensor& x) {
  if (model.domain().kind == Domain::Kind::points) return {{"points", numbers(x)}};
  const auto columns = static_cast<int64_t>(std::ceil(std::sqrt(static_cast<double>(x.size(0)))));
  return {{"png", picture_text(x, columns)}, {"columns", columns}};
}

Json decoded(LatentModel& model, const at::Tensor& code, const at::Tensor& y) {
  const auto start = std::chrono::steady_clock::now();
  const at::Tensor x = decode_all(model, code, y, std::min(kSlice, code.size(0)));
  const double milliseconds = milliseconds_since(start);
  Json answer = shown(model, x);
  answer["milliseconds"] = milliseconds;
  answer["count"] = x.size(0);
  return answer;
}

int64_t time_of(const std::string& path) {
  std::error_code error;
  const auto time = fs::last_write_time(path, error);
  if (error) fail("{}: holds no trained model yet: it comes with the run's first snapshot", path);
  return time.time_since_epoch().count();
}

void refuse_translator(const LatentModel& model) {
  if (model.translates()) fail("{}: translates images, it draws none: give it a picture", model.name);
}

}  // namespace

std::unique_lock<std::timed_mutex> Playroom::turn() {
  std::unique_lock<std::timed_mutex> lock(mutex_, kPatience);
  if (!lock) fail("the models are busy with another question: ask again in a moment");
  return lock;
}

Playroom::Entry& Playroom::open(const std::string& run, const std::string& space) {
  if (std::find(space_names().begin(), space_names().end(), space) == space_names().end())
    throw UserError(unknown_name("space", space, space_names()));
  const std::string key = run + "|" + space;
  const int64_t changed = time_of(run + "/model.safetensors");
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (entry->key != key) continue;
    entries_.splice(entries_.begin(), entries_, entry);
    if (entry->changed == changed) return entries_.front();
    entries_.pop_front();
    break;
  }
  LoadedModel loaded = load_model(run);
  loaded.model = in_space(std::move(loaded.model), space);
  entries_.push_front({key, changed, std::move(loaded), std::nullopt, {}});
  if (entries_.size() > kModels) entries_.pop_back();
  return entries_.front();
}

Json Playroom::describe(const std::string& run, const std::string& space) {
  const auto lock = turn();
  LatentModel& model = *open(run, space).loaded.model;
  const Domain& domain = model.domain();
  const bool image = domain.kind == Domain::Kind::image;
  Json spaces = {"z"};
  if (model.has_styles() || space != "z") spaces = space_names();
  Json folders = Json::array();
  for (const auto& entry : fs::directory_iterator(run)) {
    const fs::path file = entry.path() / "directions.npz";
    if (!fs::is_regular_file(file)) continue;
    try {
      read_directions(file.string(), model);
      folders.push_back(entry.path().filename().string());
    } catch (const UserError&) {  // of another space, or of the model as it was
    }
  }
  Json kinds = Json::array();
  if (image && !model.translates())
    for (const DirectionRow& row : direction_table())
      if (!row.needs_labels && (row.name != "sefa" || (!model.has_styles() && !model.code_weights().empty())))
        kinds.push_back(row.name);
  return {{"kind", image ? "image" : "points"},
          {"shape", domain.shape},
          {"classes", domain.classes},
          {"conditional", model.classes() > 0},
          {"code", length_of(model)},
          {"prior", model.spaces().front().prior},
          {"encodes", model.can_encode()},
          {"inverts", model.can_encode() || model.differentiable()},
          {"translates", model.translates()},
          {"spaces", spaces},
          {"directions", kinds},
          {"found", folders},
          {"hash", model.hash}};
}

Json Playroom::sample(const std::string& run, const std::string& space, uint64_t first, int64_t count, int64_t label,
                      double trunc) {
  const auto lock = turn();
  LatentModel& model = *open(run, space).loaded.model;
  refuse_translator(model);
  if (count < 1 || count > kMostCodes) fail("count {}: ask for 1 to {} samples", count, kMostCodes);
  std::vector<uint64_t> seeds;
  for (int64_t i = 0; i < count; ++i) seeds.push_back(first + static_cast<uint64_t>(i));
  const at::Tensor y = labels_for(model, label, count);
  at::Tensor code = codes_for_seeds(model, seeds, y);
  if (!model.truncate(trunc)) code = within_prior(model, code * trunc);
  Json answer = decoded(model, code, y);
  answer["codes"] = numbers(code);
  answer["labels"] = labels_of(y);
  return answer;
}

Json Playroom::decode(const std::string& run, const std::string& space, const Json& codes, const Json& labels,
                      double trunc) {
  const auto lock = turn();
  LatentModel& model = *open(run, space).loaded.model;
  refuse_translator(model);
  const at::Tensor code = within_prior(model, codes_from(model, codes));
  model.truncate(trunc);
  Json answer = decoded(model, code, labels_from(model, labels, code.size(0)));
  answer["codes"] = numbers(code);
  return answer;
}

Json Playroom::invert(const std::string& run, const std::string& space, const std::string& picture, int64_t label) {
  const auto lock = turn();
  Entry& entry = open(run, space);
  LatentModel& model = *entry.loaded.model;
  const Domain& domain = model.domain();
  if (domain.kind != Domain::Kind::image) fail("{}: makes {}, not images", model.name, domain.text());
  const at::Tensor bytes =
      fit_image(decode_image(picture, "the picture"), domain.shape[0], domain.shape[1], domain.shape[2]);
  const at::Tensor x = bytes.unsqueeze(0).to(at::kFloat) / 127.5 - 1;
  if (model.translates()) {
    const at::Tensor y = labels_for(model, -1, model.classes());
    const at::Tensor same = x.expand({model.classes(), -1, -1, -1}).contiguous();
    Json answer = decoded(model, same, y);
    answer["original"] = picture_text(x);
    return answer;
  }
  model.truncate(1);
  check_label(model, label);
  Rng rng(kSeed, "invert");
  InvertOptions options;
  options.method = "auto";
  const at::Tensor y = label < 0 || model.classes() == 0 ? at::Tensor() : at::full({1}, label, at::kLong);
  const auto start = std::chrono::steady_clock::now();
  const Inversion found = obverse::invert(model, x, y, options, rng, [&](double) {
    return !stopping_ && std::chrono::steady_clock::now() - start < kLongest;
  });
  if (!entry.reach) {
    Rng draws(kSeed, "reach");
    entry.reach = reach(model, draws);
  }
  return {{"method", found.method},
          {"codes", numbers(found.code)},
          {"labels", labels_of(found.y)},
          {"original", picture_text(x)},
          {"png", picture_text(found.reconstruction)},
          {"error", picture_text((found.reconstruction - x).abs() - 1)},  // black: none, white: 2
          {"mse", found.mse.item<double>()},
          {"psnr", found.psnr.item<double>()},
          {"seconds", found.seconds.item<double>()},
          {"steps", found.steps.item<int64_t>()},
          {"outside", found.mse.item<double>() > *entry.reach}};
}

static Json shown(const Directions& d) {
  return {
      {"kind", d.kind}, {"names", d.names}, {"ways", numbers(d.ways)}, {"spread", numbers(d.spread.unsqueeze(0))[0]}};
}

Json Playroom::directions(const std::string& run, const std::string& space, const std::string& kind) {
  const auto lock = turn();
  Entry& entry = open(run, space);
  LatentModel& model = *entry.loaded.model;
  refuse_translator(model);
  const fs::path file = fs::path(run) / fs::path(kind).filename() / "directions.npz";
  if (fs::is_regular_file(file)) return shown(read_directions(file.string(), model));
  const DirectionRow& row = find_row(direction_table(), "kind", kind);
  if (row.needs_labels) fail("{}: needs labels: find them by `obverse edit find --kind {}`", kind, kind);
  if (entry.directions.count(kind) == 0) {
    model.truncate(1);
    Rng rng(kSeed, "directions");
    entry.directions[kind] = shown(row.find({model, {}, std::min(kDirections, length_of(model)), rng}));
  }
  return entry.directions[kind];
}

Json Playroom::data(const std::string& run, int64_t count) {
  const auto lock = turn();
  if (count < 1 || count > kMostCodes) fail("count {}: ask for 1 to {} samples", count, kMostCodes);
  const LoadedModel& loaded = open(run, "z").loaded;
  if (loaded.domain.kind != Domain::Kind::points) fail("{}: is a model of {}", run, loaded.domain.text());
  Rng rng(kSeed, "shown data");
  const Dataset data = load_dataset_like(loaded.recipe.data, "test", loaded.domain.columns);
  return {{"points", numbers(data.draw(std::min(count, data.size()), rng).x)}};
}

}  // namespace obverse
