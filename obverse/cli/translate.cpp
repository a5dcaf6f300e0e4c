#include <ATen/ATen.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>

#include "obverse/cli/commands.h"
#include "obverse/core/error.h"
#include "obverse/games/recipe.h"
#include "obverse/io/image.h"
#include "obverse/io/resize.h"

namespace obverse {
namespace {

struct TranslateCommand {
  std::string model, to, out = "translated.png";
  std::vector<std::string> pictures;
};

void run_translate(const TranslateCommand& c) {
  LoadedModel loaded = load_model(c.model);
  LatentModel& model = *loaded.model;
  if (!model.translates()) fail("{}: does not translate images: use a model of kind cyclegan", c.model);
  const auto& names = model.domain().classes;
  const auto wanted = std::find(names.begin(), names.end(), c.to);
  if (wanted == names.end()) fail("--to {}: {} translates to {} and to {}", c.to, c.model, names[0], names[1]);
  std::vector<at::Tensor> images;
  const std::vector<int64_t>& shape = model.domain().shape;
  for (const std::string& path : c.pictures)
    images.push_back(fit_image(read_image(path), shape[0], shape[1], shape[2]));
  const at::Tensor x = at::stack(images).to(at::kFloat) / 127.5 - 1;
  const at::Tensor y = at::full({x.size(0)}, wanted - names.begin(), at::kLong);
  const at::Tensor both = at::stack({x, decode_all(model, x, y)}, 1).flatten(0, 1);
  write_png(c.out, tile_images(to_bytes(both), 2 * std::min<int64_t>(6, x.size(0))));
  fmt::print("{}: {} pictures, each beside its translation\n", c.out, x.size(0));
}

}  // namespace

void setup_translate(CLI::App& app) {
  auto c = std::make_shared<TranslateCommand>();
  app.add_option("model", c->model, "model file or run folder")->required();
  app.add_option("pictures", c->pictures, "PNG or JPEG files")->required();
  app.add_option("--to", c->to, "the class to make of them: a class of the model's data")->required();
  app.add_option("--out", c->out, "one PNG with all")->type_name("OUT.png")->capture_default_str();
  app.callback([c] { run_translate(*c); });
}

}  // namespace obverse
