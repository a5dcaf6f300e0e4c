#include "obverse/cli/invert_targets.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "obverse/core/error.h"
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

// image: uint8 [C, H, W]; returns [channels, H, W]. Luma weights of ITU-R BT.601, as Pillow's mode "L".
at::Tensor with_channels(const at::Tensor& image, int64_t channels) {
  if (image.size(0) == channels) return image;
  if (channels == 3) return image.expand({3, -1, -1});
  const at::Tensor luma = at::tensor({0.299f, 0.587f, 0.114f}).view({3, 1, 1});
  return (image.to(at::kFloat) * luma).sum(0, true).round().to(at::kByte);
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

Targets load_targets(const std::string& name, int64_t count, const LoadedModel& model) {
  DataOptions options = model.recipe.data;
  options.limit = 0;
  if (!name.empty() && name != options.source) {
    options = DataOptions();
    options.source = name;
    options.size = model.recipe.data.size;
  }
  const Dataset data = load_dataset(options, "test");
  if (data.domain.shape != model.domain.shape)
    fail("--data {}: {}, the model is of {}: use data of that kind", options.source, data.domain.text(),
         model.domain.text());
  const Batch batch = data.head(count > 0 ? std::min(count, data.size()) : data.size());
  return {batch.x, batch.y, {}, data.name + " test", {}};
}

Targets own_targets(LatentModel& model, int64_t count, Rng& rng) {
  std::vector<int64_t> shape = model.spaces().front().shape;
  shape.insert(shape.begin(), count);
  Targets targets;
  targets.what = "own samples";
  targets.code = rng.normal(shape);
  if (model.classes() > 0) targets.y = rng.integers(model.classes(), {count});
  targets.x = decode_all(model, targets.code, targets.y);
  return targets;
}

}  // namespace obverse
