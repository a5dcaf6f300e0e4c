#include <ATen/ATen.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "obverse/apps/disentanglement.h"
#include "obverse/apps/maps.h"
#include "obverse/apps/representation.h"
#include "obverse/cli/commands.h"
#include "obverse/cli/invert_targets.h"
#include "obverse/core/error.h"
#include "obverse/data/columns.h"
#include "obverse/io/files.h"
#include "obverse/io/image.h"

namespace obverse {
namespace {

using Json = nlohmann::ordered_json;

struct ProbeCommand {
  std::vector<std::string> models;
  std::string data, path, out = "probe";
  ProbeOptions options;
  int64_t limit = 0, mapped = 1000;
  bool json = false;
};

Json share_json(const Share& s) { return {{"value", s.value}, {"low", s.low}, {"high", s.high}}; }

Json result_json(const ProbeResult& r) {
  Json few = Json::array();
  for (const FewLabels& f : r.few)
    few.push_back({{"labels", f.labels},
                   {"mean", f.mean},
                   {"std", std::isfinite(f.deviation) ? Json(f.deviation) : Json(nullptr)}});
  return {{"name", r.name},
          {"width", r.width},
          {"nearest", share_json(r.nearest)},
          {"neighbours", share_json(r.neighbours)},
          {"linear", share_json(r.linear)},
          {"few", few}};
}

// Scores against the factors that a data set was drawn from.
Json disentanglement_json(const Representation& r, const FactorTable& factors, uint64_t seed) {
  Rng rng(seed, "votes");
  const Dci d = dci(r.test, factors);
  return {{"name", r.name},
          {"mig", mutual_information_gap(r.test, factors)},
          {"sap", attribute_predictability(r.test, factors)},
          {"factor_vae", factor_vae_score(r.test, factors, rng)},
          {"dci_disentanglement", d.disentanglement},
          {"dci_completeness", d.completeness},
          {"dci_informativeness", d.informativeness}};
}

std::vector<Representation> all_representations(const ProbeCommand& c, const Dataset& train, const Dataset& test) {
  std::vector<Representation> all;
  int64_t width = 0;
  for (const std::string& path : c.models) {
    const LoadedModel loaded = load_model(path);
    const std::string label = std::filesystem::path(path).filename().empty()
                                  ? std::filesystem::path(path).parent_path().filename().string()
                                  : std::filesystem::path(path).filename().string();
    for (Representation& r : model_representations(loaded, label, train, test, c.options.seed)) {
      if (all.empty()) width = r.train.size(1);  // principal components: as many as the first model's code has numbers
      all.push_back(std::move(r));
    }
  }
  for (Representation& r : plain_representations(train, test, width)) all.push_back(std::move(r));
  return all;
}

// Test codes of the first model in the plane.
void write_maps(const ProbeCommand& c, const Representation& codes, const at::Tensor& labels) {
  const int64_t n = std::min(c.mapped, codes.test.size(0));
  const at::Tensor some = codes.test.slice(0, 0, n), kinds = labels.defined() ? labels.slice(0, 0, n) : labels;
  at::Tensor plane = principal_components(codes.test, 2).project(some);
  if (plane.size(1) < 2) plane = at::cat({plane, at::zeros_like(plane)}, 1);
  write_png(c.out + "/map-pca.png", draw_map(plane, kinds));
  if (n > 10) write_png(c.out + "/map-tsne.png", draw_map(tsne(some), kinds));
}

// Of the same samples, every representation has the same counts.
void tell_left_out(const ProbeOptions& options, const Json& measured) {
  for (const int64_t count : options.few)
    if (std::none_of(measured.begin(), measured.end(), [&](const Json& f) { return f["labels"] == count; }))
      fmt::print(stderr, "note: --few {} is left out: some class has fewer training samples than its share of them\n",
                 count);
}

void print_results(const Json& s) {
  fmt::print("{}: {} training and {} test samples; share of test labels read right\n", s["data"].get<std::string>(),
             s["train"].get<int64_t>(), s["test"].get<int64_t>());
  for (const Json& r : s["probes"]) {
    fmt::print("  {:44} {:5}  1-nn {:.4f}  {}-nn {:.4f}  linear {:.4f}", r["name"].get<std::string>(),
               r["width"].get<int64_t>(), r["nearest"]["value"].get<double>(), s["neighbours"].get<int64_t>(),
               r["neighbours"]["value"].get<double>(), r["linear"]["value"].get<double>());
    for (const Json& f : r["few"])
      fmt::print("  {} labels {:.3f}{}", f["labels"].get<int64_t>(), f["mean"].get<double>(),
                 f["std"].is_null() ? "" : fmt::format(" ±{:.3f}", f["std"].get<double>()));
    fmt::print("\n");
  }
  for (const Json& d : s["disentanglement"])
    fmt::print("  {:44} MIG {:.3f}  SAP {:.3f}  FactorVAE {:.3f}  DCI {:.3f} {:.3f} {:.3f}\n",
               d["name"].get<std::string>(), d["mig"].get<double>(), d["sap"].get<double>(),
               d["factor_vae"].get<double>(), d["dci_disentanglement"].get<double>(),
               d["dci_completeness"].get<double>(), d["dci_informativeness"].get<double>());
}

void run_probe(const ProbeCommand& c) {
  const LoadedModel first = load_model(c.models.front());
  DataOptions options = data_named(c.data, first.recipe.data);
  if (!c.path.empty()) options.path = c.path;
  options.labels = true;
  options.limit = c.limit;
  const std::vector<TableColumn>& columns = first.domain.columns;
  const Dataset train = load_dataset_like(options, "train", columns);
  const Dataset test = load_dataset_like(options, "test", columns);
  if (!train.labels.defined() || !test.labels.defined())
    fail("{}: has no labels to read: probe on data that have", options.source);
  const std::vector<Representation> all = all_representations(c, train, test);
  Json summary = {{"data", train.name},
                  {"train", train.size()},
                  {"test", test.size()},
                  {"models", c.models},
                  {"neighbours", c.options.neighbours},
                  {"draws", c.options.draws},
                  {"seed", c.options.seed},
                  {"probes", Json::array()},
                  {"disentanglement", Json::array()}};
  const auto classes = static_cast<int64_t>(train.domain.classes.size());
  for (const Representation& r : all) {
    fmt::print(stderr, "{}\n", r.name);
    summary["probes"].push_back(result_json(probe(r, train.labels, test.labels, classes, c.options)));
    if (options.source == "shapes" && options.classes.empty() && r.train.size(1) <= 512)
      summary["disentanglement"].push_back(disentanglement_json(r, shape_factors("test"), c.options.seed));
  }
  tell_left_out(c.options, summary["probes"].front()["few"]);
  std::error_code error;
  std::filesystem::create_directories(c.out, error);
  if (error) fail("{}: cannot make the folder ({}): name another with --out", c.out, error.message());
  write_maps(c, all.front(), test.labels);
  write_file(c.out + "/summary.json", summary.dump(1) + "\n");
  if (c.json) return fmt::print("{}\n", summary.dump(1));
  print_results(summary);
  fmt::print("{}\n", c.out);
}

}  // namespace

void setup_probe(CLI::App& app) {
  auto c = std::make_shared<ProbeCommand>();
  app.add_option("models", c->models, "model files or run folders, with encoders")->required();
  app.add_option("--data", c->data, "labelled data, by name or path; none: what the first model was trained on");
  app.add_option("--data-path", c->path, "where that data set lies, if not in its usual place");
  app.add_option("--few", c->options.few, "how many labels a linear probe knows, with commas")
      ->delimiter(',')
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all()
      ->check(CLI::Range(1, 1 << 30));
  app.add_option("--draws", c->options.draws, "of those labels")->check(CLI::Range(1, 1000))->capture_default_str();
  app.add_option("--neighbours", c->options.neighbours, "of the k-nearest-neighbour vote")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--limit", c->limit, "use only the first training samples; 0: all")->check(CLI::Range(0, 1 << 30));
  app.add_option("--mapped", c->mapped, "test samples in the maps of the first model's codes")
      ->check(CLI::Range(2, 5000))
      ->capture_default_str();
  app.add_option("--seed", c->options.seed, "of draws and untrained weights")->capture_default_str();
  app.add_option("--out", c->out, "folder for summary.json, map-pca.png, map-tsne.png")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_flag("--json", c->json, "print the summary as JSON");
  app.callback([c] { run_probe(*c); });
}

}  // namespace obverse
