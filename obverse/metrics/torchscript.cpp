#include <ATen/ATen.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/io/files.h"
#include "obverse/io/resize.h"
#include "obverse/metrics/features.h"
#include "obverse/models/script.h"

namespace obverse {
namespace {

namespace fs = std::filesystem;

struct Card {
  std::string name, text;  // text: as its file has it
  std::string resize = "none";
  std::string input = "float", output = "features";
  int64_t size = 0;      // images are resized to so many pixels a side; 0: as they are
  int64_t channels = 0;  // 0: as they are
  Script::Arguments arguments;
};

c10::IValue argument(const nlohmann::json& value, const std::string& where) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_integer()) return value.get<int64_t>();
  if (value.is_number()) return value.get<double>();
  fail("{}: arguments are true, false or numbers", where);
}

Card read_card(const std::string& path, const std::string& stem) {
  Card card;
  card.name = stem;
  if (!fs::exists(path)) return card;
  const std::vector<std::string> known = {"name", "input", "channels", "size", "resize", "output", "arguments"};
  try {
    const auto json = nlohmann::json::parse(read_file(path, 1 << 16));
    card.text = json.dump();
    for (const auto& [key, value] : json.items())
      if (std::find(known.begin(), known.end(), key) == known.end())
        fail("{}: {}", path, unknown_name("key", key, known));
    card.name = json.value("name", stem);
    card.resize = json.value("resize", "none");
    card.channels = json.value("channels", int64_t{0});
    card.input = json.value("input", "float");
    if (card.input != "float" && card.input != "float255" && card.input != "uint8")
      fail("{}: input is \"{}\": use \"float\", \"float255\" or \"uint8\"", path, card.input);
    card.output = json.value("output", "features");
    if (card.output != "features" && card.output != "logits" && card.output != "probabilities")
      fail("{}: output is \"{}\": use \"features\", \"logits\" or \"probabilities\"", path, card.output);
    card.size = json.value("size", int64_t{0});
    if (card.size < 0 || card.size > 4096) fail("{}: size is {}: use 1 to 4096", path, card.size);
    if (card.size > 0) resize_images(at::zeros({1, 1, 1, 1}), card.size, card.resize);  // knows the mode, or says so
    if (json.contains("arguments"))
      for (const auto& [key, value] : json.at("arguments").items()) card.arguments[key] = argument(value, path);
  } catch (const nlohmann::json::exception&) {
    fail("{}: not a JSON card of a feature network; see obverse eval --help", path);
  }
  return card;
}

}  // namespace

at::Tensor resize_images(const at::Tensor& x, int64_t size, const std::string& mode) {
  if (mode == "pil-bicubic") return resize_bicubic(x.to(at::kFloat), size, size).clamp(-1, 1);
  if (mode == "legacy-bilinear")
    return at::upsample_bilinear2d(x, at::IntArrayRef({size, size}), /*align_corners=*/false);
  fail("unknown resize mode '{}': use pil-bicubic or legacy-bilinear", mode);
}

namespace {

class TorchScript : public FeatureNetwork {
 public:
  TorchScript(const std::string& path, Card card) : path_(path), card_(std::move(card)), script_(path) {
    name = card_.name;
    inception = card_.name == "inception";
    resize = card_.size > 0 ? fmt::format("{} to {}", card_.resize, card_.size) : card_.resize;
    hash = sha256(read_file(path) + card_.text);
  }

  at::Tensor features(const at::Tensor& x) override {
    const at::Tensor f = script_.run({prepare(x)}, card_.arguments, "samples of " + shape_text(x));
    if (f.dim() < 2) fail("{}: its output is not a vector for each sample", path_);
    dims = f.flatten(1).size(1);
    if (card_.output == "probabilities" &&
        !((f >= 0).all() & (f.flatten(1).sum(1) - 1).abs().lt(1e-3).all()).item<bool>())
      fail("{}: its card says that it gives probabilities, but they are not positive numbers that sum to 1", path_);
    return f.flatten(1);
  }

  // Of a classifier, what it gives is at once features and classes; how many is known when it has run.
  int64_t classes() const override { return card_.output == "features" ? 0 : std::max<int64_t>(dims, 1); }
  at::Tensor logits(const at::Tensor& features) override {
    if (card_.output == "features") return FeatureNetwork::logits(features);
    return (card_.output == "logits" ? features : features.clamp_min(1e-30).log()).unsqueeze(1);
  }

 private:
  at::Tensor prepare(const at::Tensor& x) const {
    at::Tensor in = x;
    if (card_.size > 0) {
      if (x.dim() != 4) fail("{}: its card resizes images, these samples are {}", path_, shape_text(x));
      in = resize_images(in, card_.size, card_.resize);
    }
    if (card_.channels > 0 && x.dim() == 4 && x.size(1) == 1) in = in.expand({-1, card_.channels, -1, -1}).contiguous();
    if (card_.channels > 0 && (in.dim() != 4 || in.size(1) != card_.channels))
      fail("{}: its card asks for images of {} channels, these are {}", path_, card_.channels, shape_text(x));
    if (card_.input == "float") return in;
    const at::Tensor scaled = (in * 127.5 + 127.5).clamp(0, 255);
    return card_.input == "uint8" ? scaled.round().to(at::kByte) : scaled;
  }

  static std::string shape_text(const at::Tensor& x) {
    std::string text;
    for (const int64_t size : x.sizes().slice(1)) text += (text.empty() ? "" : "x") + std::to_string(size);
    return text;
  }

  std::string path_;
  Card card_;
  Script script_;
};

}  // namespace

std::unique_ptr<FeatureNetwork> torchscript_features(const std::string& path) {
  if (!fs::is_regular_file(path)) fail("{}: no such file: --features wants a TorchScript network", path);
  const fs::path file(path);
  return std::make_unique<TorchScript>(
      path, read_card(fs::path(file).replace_extension(".json").string(), file.stem().string()));
}

}  // namespace obverse
