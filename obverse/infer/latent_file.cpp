#include "obverse/infer/latent_file.h"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "obverse/core/error.h"
#include "obverse/io/npz.h"

namespace obverse {
namespace {

at::Tensor read_codes(const at::Tensor& z, const LatentSpace& space, const std::string& path) {
  const auto axes = static_cast<int64_t>(space.shape.size());
  if (z.dim() <= axes || z.numel() == 0 || !at::isFloatingType(z.scalar_type()) ||
      z.sizes().slice(static_cast<size_t>(z.dim() - axes)) != at::IntArrayRef(space.shape))
    fail("{}: z is {} ({}), the model's codes are {} numbers each: name a file that `obverse invert` wrote", path,
         fmt::join(z.sizes(), "x"), at::toString(z.scalar_type()), fmt::join(space.shape, "x"));
  const at::Tensor code = z.to(at::kFloat);
  if (!at::isfinite(code).all().item<bool>()) fail("{}: z holds NaN or infinite numbers", path);
  std::vector<int64_t> sizes = space.shape;
  sizes.insert(sizes.begin(), -1);
  return code.reshape(sizes);
}

at::Tensor read_labels(const at::Tensor& y, int64_t codes, int64_t classes, const std::string& path) {
  if (y.numel() != codes || !at::isIntegralType(y.scalar_type(), false))
    fail("{}: y has {} numbers, z {} codes: each needs its class", path, y.numel(), codes);
  const at::Tensor labels = y.to(at::kLong).flatten();
  if (labels.min().item<int64_t>() < 0 || labels.max().item<int64_t>() >= classes)
    fail("{}: y lies outside the model's classes, 0 to {}", path, classes - 1);
  return labels;
}

}  // namespace

void write_latents(const std::string& path, const LatentModel& model, const Latents& latents,
                   const NamedTensors& more) {
  NamedTensors arrays = {{"z", latents.code}};
  if (latents.y.defined()) arrays.emplace_back("y", latents.y);
  arrays.insert(arrays.end(), more.begin(), more.end());
  arrays.emplace_back("model_hash", text_array(model.hash));
  if (const std::string space = model.spaces().front().name; space != "z")
    arrays.emplace_back("space", text_array(space));
  write_npz(path, arrays);
}

void check_model_hash(const std::string& hash, const LatentModel& model, const std::string& path) {
  if (hash == model.hash) return;
  fail(
      "{}: its codes are of another model (SHA-256 {:.8}...), not of {} ({:.8}...): name the model that they were "
      "inferred with",
      path, hash, model.name, model.hash);
}

std::string space_of_latents(const std::string& path) {
  for (const auto& [name, array] : read_npz(path))
    if (name == "space") return text_of(array);
  return "z";
}

Latents read_latents(const std::string& path, const LatentModel& model) {
  const NamedTensors arrays = read_npz(path);
  check_model_hash(text_of(find_tensor(arrays, "model_hash", path)), model, path);
  if (const std::string space = space_of_latents(path), here = model.spaces().front().name; space != here)
    fail("{}: its codes are of {}, wanted are some of {}: use --space {}", path, space, here, space);
  Latents result{read_codes(find_tensor(arrays, "z", path), model.spaces().front(), path), {}};
  if (model.classes() > 0)
    result.y = read_labels(find_tensor(arrays, "y", path), result.code.size(0), model.classes(), path);
  return result;
}

}  // namespace obverse
