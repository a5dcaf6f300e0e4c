#include "obverse/cli/invert_targets.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <set>

#include "obverse/core/error.h"
#include "obverse/data/columns.h"
#include "obverse/infer/code_space.h"
#include "obverse/io/image.h"
#include "obverse/io/resize.h"

namespace obverse {
namespace {

// Files as they are; a folder's images in order of name.
std::vector<std::string> expand(const std::vector<std::string>& paths) {
  static const std::set<std::string> kinds = {".png", ".jpg", ".jpeg", ".PNG", ".JPG", ".JPEG"};
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    if (!std::filesystem::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    const size_t before = files.size();
    for (const auto& entry : std::filesystem::directory_iterator(path))
      if (kinds.count(entry.path().extension().string())) files.push_back(entry.path().string());
    if (files.size() == before) fail("{}: holds no PNG or JPEG images", path);
    std::sort(files.begin() + static_cast<int64_t>(before), files.end());
  }
  return files;
}

at::Tensor read_target(const std::string& path, const Domain& domain, bool resize) {
  const int64_t height = domain.shape[1], width = domain.shape[2];
  at::Tensor image = with_channels(read_image(path), domain.shape[0]);
  if (image.size(1) == height && image.size(2) == width) return image;
  if (!resize)
    fail("{}: is {}x{}, the model needs {}x{}: resize it, or use --resize", path, image.size(2), image.size(1), width,
         height);
  return resize_bicubic(image.unsqueeze(0), height, width).squeeze(0);
}

}  // namespace

int64_t class_index(const LatentModel& model, const std::string& wanted, const std::string& option) {
  if (model.classes() == 0)
    fail("{} {}: {} is unconditional: it has no classes to choose from", option, wanted, model.name);
  const auto& names = model.domain().classes;
  const auto found = std::find(names.begin(), names.end(), wanted);
  if (found != names.end()) return found - names.begin();
  int64_t index = -1;
  const char* end = wanted.data() + wanted.size();
  const auto parsed = std::from_chars(wanted.data(), end, index);
  if (parsed.ec != std::errc() || parsed.ptr != end || index < 0 || index >= model.classes())
    fail("{} {}: not a class of {}: use 0 to {} or a class's name", option, wanted, model.name, model.classes() - 1);
  return index;
}

Targets read_targets(const std::vector<std::string>& paths, const Domain& domain, bool resize) {
  if (domain.kind != Domain::Kind::image) fail("the model is of {}, not of images: use --data or --own", domain.text());
  Targets targets;
  targets.what = "files";
  std::vector<at::Tensor> images;
  std::string problems;
  for (const std::string& path : expand(paths)) {
    try {
      images.push_back(read_target(path, domain, resize));
      targets.files.push_back(path);
    } catch (const UserError& e) {
      problems += (problems.empty() ? "" : "\n") + std::string(e.what());
    }
  }
  if (!problems.empty()) throw UserError(problems);
  targets.x = at::stack(images).to(at::kFloat) / 127.5 - 1;
  return targets;
}

DataOptions data_named(const std::string& name, const DataOptions& own) {
  if (name.empty() || name == own.source) return own;
  DataOptions options;
  options.source = name;
  options.size = own.size;
  if (is_csv(name)) options.label = own.label;
  return options;
}

Targets load_targets(const std::string& name, int64_t count, const LoadedModel& model) {
  DataOptions options = data_named(name, model.recipe.data);
  options.limit = 0;
  const Dataset data = load_dataset_like(options, "test", model.domain.columns);
  if (data.domain.shape != model.domain.shape)
    fail("--data {}: {}, the model is of {}: use data of that kind", options.source, data.domain.text(),
         model.domain.text());
  const Batch batch = data.head(count > 0 ? std::min(count, data.size()) : data.size());
  const bool known = data.domain.classes == model.domain.classes;  // labels of other data are not the model's classes
  return {batch.x, known ? batch.y : at::Tensor(), {}, data.name + " test", {}};
}

Targets own_targets(LatentModel& model, int64_t count, Rng& rng) {
  Targets targets;
  targets.what = "own samples";
  if (model.classes() > 0) targets.y = rng.integers(model.classes(), {count});
  targets.code = draw_codes(model, count, targets.y, rng);
  targets.x = decode_all(model, targets.code, targets.y);
  return targets;
}

Targets choose_targets(const TargetChoice& c, LoadedModel& loaded, Rng& rng) {
  if ((c.images.empty() ? 0 : 1) + (c.data.empty() ? 0 : 1) + (c.own > 0 ? 1 : 0) > 1)
    fail("images, --data and --own exclude each other: name one");
  Targets targets = c.own > 0           ? own_targets(*loaded.model, c.own, rng)
                    : !c.images.empty() ? read_targets(c.images, loaded.domain, c.resize)
                                        : load_targets(c.data, c.count, loaded);
  if (c.label.empty()) return targets;
  targets.y = at::full({targets.size()}, class_index(*loaded.model, c.label), at::kLong);
  return targets;
}

void add_target_options(CLI::App& app, TargetChoice& choice) {
  app.add_option("images", choice.images,
                 "PNG or JPEG files, or folders of them; none: test images of the model's data");
  app.add_option("--data", choice.data, "test split of a data set, by name or path");
  app.add_option("--count", choice.count, "test samples to take; 0: all")
      ->check(CLI::Range(0, 1 << 30))
      ->capture_default_str();
  app.add_option("--own", choice.own, "check on so many samples of the model's own, whose codes are known")
      ->check(CLI::Range(1, 1 << 24));
  app.add_option("--class", choice.label, "class of the images, by name or number, for a conditional model");
  app.add_flag("--resize", choice.resize, "resize images to the model's size");
}

}  // namespace obverse
