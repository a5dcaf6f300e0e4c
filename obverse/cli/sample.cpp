#include <ATen/ATen.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <filesystem>

#include "obverse/cli/commands.h"
#include "obverse/cli/invert_targets.h"
#include "obverse/core/error.h"
#include "obverse/data/columns.h"
#include "obverse/games/recipe.h"
#include "obverse/infer/code_space.h"
#include "obverse/infer/latent_file.h"
#include "obverse/io/files.h"
#include "obverse/io/image.h"
#include "obverse/io/npz.h"

namespace obverse {
namespace {

struct SampleCommand {
  std::string model, seeds = "0-63", grid, out, label, latents;
  double trunc = 1;
  int64_t columns = 0;
};

uint64_t parse_seed(std::string_view text, const std::string& whole) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    fail("--seeds {}: '{}' is not a seed: write 0-63 or 1,2,5", whole, text);
  return value;
}

// "0-3,7" -> 0 1 2 3 7
std::vector<uint64_t> parse_seeds(const std::string& text) {
  std::vector<uint64_t> seeds;
  for (size_t start = 0; start <= text.size();) {
    const size_t comma = std::min(text.find(',', start), text.size());
    const std::string_view part = std::string_view(text).substr(start, comma - start);
    const size_t dash = part.find('-');
    const uint64_t first = parse_seed(part.substr(0, dash), text);
    const uint64_t last = dash == std::string_view::npos ? first : parse_seed(part.substr(dash + 1), text);
    if (last < first || last - first > 10'000'000)
      fail("--seeds {}: {} is not a range of at most ten million seeds", text, part);
    for (uint64_t i = 0; i <= last - first; ++i) seeds.push_back(first + i);
    start = comma + 1;
  }
  return seeds;
}

// Labels of n samples: the class asked for, or classes in turn. Undefined for an unconditional model.
at::Tensor choose_labels(const LatentModel& model, const std::string& wanted, int64_t n) {
  if (!wanted.empty()) return at::full({n}, class_index(model, wanted), at::kLong);
  return model.classes() > 0 ? at::arange(n, at::kLong).remainder(model.classes()) : at::Tensor();
}

// The codes to decode: of a file, or of seeds. names: one a code, for files.
Latents choose_codes(const SampleCommand& c, LatentModel& model, std::vector<std::string>& names) {
  if (!c.latents.empty()) {
    Latents codes = read_latents(c.latents, model);
    if (!c.label.empty()) codes.y = choose_labels(model, c.label, codes.code.size(0));
    for (int64_t i = 0; i < codes.code.size(0); ++i) names.push_back(fmt::format("latent{:04}", i));
    return codes;
  }
  const std::vector<uint64_t> seeds = parse_seeds(c.seeds);
  for (const uint64_t seed : seeds) names.push_back(fmt::format("seed{:04}", seed));
  const double scale = model.truncate(c.trunc) ? 1 : c.trunc;
  return {latents_for_seeds(model, seeds, scale), choose_labels(model, c.label, static_cast<int64_t>(seeds.size()))};
}

// A table's rows as a table again, other points as numbers.
void write_points(const SampleCommand& c, const LoadedModel& loaded, const at::Tensor& x, const at::Tensor& y) {
  if (!c.grid.empty()) fail("--grid: {} makes points, no images: use --out FILE.npz", c.model);
  const std::vector<TableColumn>& columns = loaded.domain.columns;
  const std::string path = !c.out.empty() ? c.out : columns.empty() ? "samples.npz" : "samples.csv";
  if (is_csv(path) && !columns.empty())
    write_file(path, table_text(x, columns, y, loaded.domain.classes, loaded.recipe.data.label));
  else if (is_csv(path))
    fail("--out {}: {} was not trained on a table: write an .npz file", path, c.model);
  else
    write_npz(path, {{"arr_0", x}});
  fmt::print("{}\n", path);
}

void run_sample(const SampleCommand& c) {
  LoadedModel loaded = load_model(c.model);
  if (!c.latents.empty()) loaded.model = in_space(std::move(loaded.model), space_of_latents(c.latents));
  LatentModel& model = *loaded.model;
  if (model.translates()) fail("{}: translates images, it makes none: use obverse translate", c.model);
  std::vector<std::string> names;
  const Latents codes = choose_codes(c, model, names);
  const at::Tensor x = decode_all(model, codes.code, codes.y);
  if (model.domain().kind == Domain::Kind::points) return write_points(c, loaded, x, codes.y);
  const at::Tensor bytes = to_bytes(x);
  if (!c.out.empty()) {
    std::error_code error;
    std::filesystem::create_directories(c.out, error);
    if (error) fail("{}: cannot make the folder ({})", c.out, error.message());
    for (size_t i = 0; i < names.size(); ++i)
      write_png(fmt::format("{}/{}.png", c.out, names[i]), bytes[static_cast<int64_t>(i)]);
    fmt::print("{}: {} images\n", c.out, names.size());
  }
  const std::string grid = c.grid.empty() && c.out.empty() ? "samples.png" : c.grid;
  if (!grid.empty()) {
    write_png(grid, tile_images(bytes, c.columns));
    fmt::print("{}\n", grid);
  }
}

}  // namespace

void setup_sample(CLI::App& app) {
  auto c = std::make_shared<SampleCommand>();
  app.add_option("model", c->model, "model file or run folder")->required();
  CLI::Option* seeds = app.add_option("--seeds", c->seeds, "list and ranges of seeds")->capture_default_str();
  CLI::Option* trunc =
      app.add_option("--trunc", c->trunc,
                     "truncation psi: takes codes towards their mean, in w where the model has one, else in z")
          ->check(CLI::Range(0.0, 10.0))
          ->capture_default_str();
  app.add_option("--latents", c->latents, "decode the codes of latents.npz or posterior.npz instead")
      ->type_name("FILE.npz")
      ->excludes(seeds)
      ->excludes(trunc);
  app.add_option("--class", c->label, "class of all samples, by name or number; else classes in turn");
  app.add_option("--grid", c->grid, "one PNG with all samples")->type_name("OUT.png");
  app.add_option("--columns", c->columns, "of the grid; 0: about square")->check(CLI::Range(0, 1000));
  app.add_option("--out", c->out, "folder for one PNG a seed; of points an .npz file, of a table's rows a .csv")
      ->type_name("DIR");
  app.callback([c] { run_sample(*c); });
}

}  // namespace obverse
