#include "obverse/apps/edit.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "obverse/apps/directions.h"
#include "obverse/cli/commands.h"
#include "obverse/cli/figures.h"
#include "obverse/cli/invert_targets.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/data/columns.h"
#include "obverse/infer/code_space.h"
#include "obverse/infer/invert.h"
#include "obverse/infer/latent_file.h"
#include "obverse/io/files.h"
#include "obverse/io/image.h"
#include "obverse/io/resize.h"

namespace obverse {
namespace {

using Json = nlohmann::ordered_json;

struct EditCommand {
  std::string model, out, space = "z";
  int64_t seed = 0;
  bool json = false;
  InvertOptions inversion;
  // find
  std::string kind = "svm", data, from, to, name = "way", features;
  int64_t count = 8, codes = 2000, samples = 256;
  double strength = 2;
  // apply
  TargetChoice targets;
  std::string directions, way, new_class, mask;
  std::vector<double> strengths = {-3, -2, -1, 0, 1, 2, 3};
  // path, arithmetic, mix
  std::vector<std::string> images;
  std::string path = "spherical", layers, animation;
  int64_t frames = 9;
  double rate = 12;
};

void log_line(const std::string& line) { fmt::print(stderr, "{}\n", line); }

LoadedModel open(const EditCommand& c) {
  LoadedModel loaded = load_model(c.model);
  if (loaded.domain.kind != Domain::Kind::image)
    fail("{}: makes {}, not images: there is nothing to look at", c.model, loaded.domain.text());
  if (loaded.model->translates()) fail("{}: translates images, it has no codes to edit", c.model);
  loaded.model = in_space(std::move(loaded.model), c.space);
  return loaded;
}

void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) fail("{}: cannot make the folder ({}): name another with --out", path, error.message());
}

// Codes of images, by the method that suits the model.
Latents codes_of(const EditCommand& c, LatentModel& model, const at::Tensor& x, const at::Tensor& y) {
  Rng rng(static_cast<uint64_t>(c.seed), "invert");
  const Inversion found = invert(model, x, y, c.inversion, rng);
  return {found.code, found.y};
}

// One code for a picture's path or for "seed:7", which draws it.
Latents code_named(const EditCommand& c, LoadedModel& loaded, const std::string& text) {
  LatentModel& model = *loaded.model;
  if (text.compare(0, 5, "seed:") != 0) return codes_of(c, model, read_targets({text}, loaded.domain, true).x, {});
  uint64_t seed = 0;
  const auto parsed = std::from_chars(text.data() + 5, text.data() + text.size(), seed);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    fail("{}: not a seed: write a picture's path or, for example, seed:7", text);
  const auto classes = static_cast<uint64_t>(model.classes());
  const at::Tensor y = classes > 0 ? at::tensor({static_cast<int64_t>(seed % classes)}, at::kLong) : at::Tensor();
  return {codes_for_seeds(model, {seed}, y), y};
}

std::vector<Latents> codes_named(const EditCommand& c, LoadedModel& loaded) {
  std::vector<Latents> codes;
  for (const std::string& text : c.images) codes.push_back(code_named(c, loaded, text));
  return codes;
}

// ---- find
// ------------------------------------------------------------------------------------------------------------

Directions find(const EditCommand& c, LoadedModel& loaded, const Dataset& data, FeatureNetwork& judge, Rng& rng) {
  LatentModel& model = *loaded.model;
  if (c.kind == "user") {
    if (c.from.empty() || c.to.empty()) fail("--kind user: name two files of codes with --from and --to");
    return user_direction(model, c.name, read_latents(c.from, model).code, read_latents(c.to, model).code, rng);
  }
  const DirectionRow& row = find_row(direction_table(), "kind", c.kind);
  const LabelledCodes labelled = row.needs_labels ? label_codes(model, data, judge, c.codes, rng) : LabelledCodes{};
  return row.find({model, labelled, c.count, rng});
}

// A row a direction: one sample, moved by every strength.
void write_overview(const std::string& path, LatentModel& model, const Directions& d, const std::vector<double>& by,
                    uint64_t seed) {
  const auto columns = static_cast<int64_t>(by.size());
  const at::Tensor y = model.classes() > 0 ? at::zeros({columns}, at::kLong) : at::Tensor();
  const at::Tensor code = codes_for_seeds(model, {seed}, y.defined() ? y.slice(0, 0, 1) : y);
  std::vector<at::Tensor> rows;
  for (int64_t k = 0; k < d.ways.size(0); ++k) {
    std::vector<at::Tensor> moved;
    for (const double strength : by) moved.push_back(within_prior(model, move(d, k, code, strength)));
    rows.push_back(decode_all(model, at::cat(moved), y));
  }
  write_png(path, tile_images(to_bytes(at::cat(rows)), columns));
}

void run_find(EditCommand c) {
  LoadedModel loaded = open(c);
  LatentModel& model = *loaded.model;
  const DataOptions options = data_named(c.data, loaded.recipe.data);
  const Dataset data = load_dataset_like(options, "train", loaded.domain.columns);
  const auto judge = choose_features(c.features, options, data, log_line);
  const auto classes = static_cast<int64_t>(data.domain.classes.size());
  if (judge->classes() > 0 && (judge->judged() > 1 || judge->classes() != classes))
    fail("{}: its classifier tells {} classes apart, {} has {}: take --features random, which judges none", judge->name,
         judge->classes(), data.name, classes);
  Rng rng(static_cast<uint64_t>(c.seed), "directions");
  const Directions d = find(c, loaded, data, *judge, rng);
  if (c.out.empty()) {
    const std::string run = run_folder_of(c.model);
    c.out = (run.empty() ? "" : run + "/") + "edit-" + c.kind;
  }
  make_folder(c.out);
  write_directions(c.out + "/directions.npz", model, d);
  Json lines = Json::array();
  for (int64_t k = 0; k < d.ways.size(0); ++k) {
    Rng same(static_cast<uint64_t>(c.seed), "effects");  // for every direction
    const Effect e = measure_effect(model, d, k, c.strength, *judge, data.domain.classes, c.samples, same);
    lines.push_back({{"direction", d.names[static_cast<size_t>(k)]},
                     {"target", e.target},
                     {"gain", e.gain},
                     {"kept", e.kept},
                     {"others", e.others}});
  }
  const Json all = {{"kind", d.kind},           {"space", c.space},     {"strength", c.strength},
                    {"strengths", c.strengths}, {"samples", c.samples}, {"judge", judge->label()},
                    {"model_hash", model.hash}, {"directions", lines}};
  write_file(c.out + "/summary.json", all.dump(2) + "\n");
  write_overview(c.out + "/overview.png", model, d, c.strengths, static_cast<uint64_t>(c.seed));
  if (c.json) return fmt::print("{}\n", all.dump(2)), void();
  fmt::print("{:<14} {:<14} {:>7} {:>7} {:>7}   by {} times the spread, {} samples, {}\n", "direction", "class", "gain",
             "kept", "others", c.strength, c.samples, judge->label());
  for (const Json& line : lines)
    fmt::print("{:<14} {:<14} {:>7.3f} {:>7.3f} {:>7.3f}\n", line["direction"].get<std::string>(),
               line["target"].get<std::string>(), line["gain"].get<double>(), line["kept"].get<double>(),
               line["others"].get<double>());
  fmt::print("{}\n", c.out);
}

// ---- apply
// -----------------------------------------------------------------------------------------------------------

at::Tensor read_mask(const std::string& path, const Domain& domain) {
  at::Tensor mask = read_image(path).to(at::kFloat).mean(0, true) / 255;  // [1, H, W]
  if (mask.size(1) != domain.shape[1] || mask.size(2) != domain.shape[2])
    fail("{}: the mask is {}x{}, images are {}x{}: draw it of their size", path, mask.size(2), mask.size(1),
         domain.shape[2], domain.shape[1]);
  if (mask.max().item<double>() < 0.5) fail("{}: the mask is black: paint white what may change", path);
  return mask.unsqueeze(0);
}

void run_apply(EditCommand c) {
  if (c.way.empty() == c.new_class.empty())
    fail("edit apply: say what to change: a direction of --directions by --way, or the class by --to-class");
  if (!c.new_class.empty() && c.space != "z")
    fail("--to-class: the class has its say where w is made of z: use --space z, not {}", c.space);
  if (!c.way.empty() && c.directions.empty()) fail("--way {}: name the file it is in with --directions", c.way);
  LoadedModel loaded = open(c);
  LatentModel& model = *loaded.model;
  Rng own(static_cast<uint64_t>(c.seed), "own samples"), rng(static_cast<uint64_t>(c.seed), "edit");
  Targets targets = choose_targets(c.targets, loaded, own);
  const Latents found = targets.code.defined()
                            ? Latents{targets.code, targets.y}
                            : codes_of(c, model, targets.x, model.classes() > 0 ? targets.y : at::Tensor());
  const at::Tensor mask = c.mask.empty() ? at::Tensor() : read_mask(c.mask, loaded.domain);
  std::vector<at::Tensor> columns = {targets.x}, codes, labels;
  const auto add = [&](const at::Tensor& code, const at::Tensor& y) {
    const LocalEdit edit = mask.defined() ? edit_locally(model, targets.x, code, y, mask, c.inversion.optimise, rng)
                                          : LocalEdit{decode_all(model, code, y), code};
    columns.push_back(edit.x);
    codes.push_back(edit.code);
    if (y.defined()) labels.push_back(y);
  };
  if (!c.new_class.empty()) {
    columns.push_back(decode_all(model, found.code, found.y));
    add(found.code, at::full({targets.size()}, class_index(model, c.new_class, "--to-class"), at::kLong));
  } else {
    const bool folder = std::filesystem::is_directory(c.directions);
    const Directions d = read_directions(c.directions + (folder ? "/directions.npz" : ""), model);
    const int64_t k = find_direction(d, c.way);
    for (const double strength : c.strengths) add(within_prior(model, move(d, k, found.code, strength)), found.y);
  }
  make_folder(c.out);
  const auto width = static_cast<int64_t>(columns.size());
  write_png(c.out + "/edits.png", tile_images(to_bytes(at::stack(columns, 1).flatten(0, 1)), width));
  write_latents(c.out + "/latents.npz", model, {at::cat(codes), labels.empty() ? at::Tensor() : at::cat(labels)});
  fmt::print("{}/edits.png: {} images, each beside its edits\n", c.out, targets.size());
}

// ---- path, arithmetic, mix
// -------------------------------------------------------------------------------------------

std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? "'\\''" : std::string(1, c);
  return result + "'";
}

// .png as an animation; .gif and .mp4 by ffmpeg.
void animate(const std::string& path, const at::Tensor& frames, double rate) {
  const std::string kind = std::filesystem::path(path).extension().string();
  if (kind == ".png" || kind == ".apng") return write_file(path, encode_apng(frames, rate));
  if (kind != ".gif" && kind != ".mp4") fail("{}: animations are .png, .gif or .mp4", path);
  const std::string between = path + ".frames.png";
  write_file(between, encode_apng(frames, rate));
  const std::string scale = kind == ".mp4" ? " -vf 'scale=trunc(iw/2)*2:trunc(ih/2)*2' -pix_fmt yuv420p" : "";
  const int status =
      std::system(("ffmpeg -y -loglevel error -f apng -i " + quoted(between) + scale + " " + quoted(path)).c_str());
  std::filesystem::remove(between);
  if (status != 0) fail("{}: ffmpeg is needed for {} and failed: install it, or write a .png", path, kind);
}

void run_path(EditCommand c) {
  LoadedModel loaded = open(c);
  const std::vector<Latents> ends = codes_named(c, loaded);
  const bool normal = loaded.model->spaces().front().prior == "normal";  // an arc is of codes of a usual length
  const auto path = c.path == "linear" || !normal ? linear_path : spherical_path;
  const at::Tensor codes = path(ends[0].code[0], ends[1].code[0], c.frames);
  at::Tensor y;
  if (ends[0].y.defined())  // a class has no halfway: the first end's, then the second's
    y = at::cat({ends[0].y.expand({(c.frames + 1) / 2}), ends[1].y.expand({c.frames / 2})});
  const at::Tensor frames = to_bytes(decode_all(*loaded.model, codes, y));
  make_folder(c.out);
  write_png(c.out + "/path.png", tile_images(frames, c.frames));
  write_latents(c.out + "/latents.npz", *loaded.model, {codes, y});
  if (!c.animation.empty()) animate(c.animation, frames, c.rate);
  fmt::print("{}/path.png: {} images\n", c.out, c.frames);
}

void run_arithmetic(EditCommand c) {
  LoadedModel loaded = open(c);
  const std::vector<Latents> terms = codes_named(c, loaded);
  const at::Tensor result = within_prior(*loaded.model, terms[0].code - terms[1].code + terms[2].code);
  std::vector<at::Tensor> all;
  for (const Latents& term : terms) all.push_back(decode_all(*loaded.model, term.code, term.y));
  all.push_back(decode_all(*loaded.model, result, terms[0].y));
  make_folder(c.out);
  write_png(c.out + "/arithmetic.png", tile_images(to_bytes(at::cat(all)), 4));
  write_latents(c.out + "/latents.npz", *loaded.model, {result, terms[0].y});
  fmt::print("{}/arithmetic.png: A, B, C and A - B + C\n", c.out);
}

std::pair<int64_t, int64_t> parse_layers(const std::string& text) {
  int64_t first = 0, last = 0;
  const char* end = text.data() + text.size();
  auto parsed = std::from_chars(text.data(), end, first);
  last = first;
  if (parsed.ec == std::errc() && parsed.ptr != end && *parsed.ptr == '-')
    parsed = std::from_chars(parsed.ptr + 1, end, last);
  if (parsed.ec != std::errc() || parsed.ptr != end) fail("--layers {}: write one layer or a range such as 0-3", text);
  return {first, last};
}

void run_mix(EditCommand c) {
  c.space = "w+";
  LoadedModel loaded = open(c);
  const std::vector<Latents> two = codes_named(c, loaded);
  const auto [first, last] = parse_layers(c.layers);
  const at::Tensor mixed = mix_styles(two[0].code, two[1].code, first, last);
  const at::Tensor x = decode_all(*loaded.model, at::cat({two[0].code, two[1].code, mixed}), {});
  make_folder(c.out);
  write_png(c.out + "/mix.png", tile_images(to_bytes(x), 3));
  write_latents(c.out + "/latents.npz", *loaded.model, {mixed, two[0].y});
  fmt::print("{}/mix.png: A, B and A with layers {} of B\n", c.out, c.layers);
}

// What every subcommand has.
CLI::App& add_command(CLI::App& app, EditCommand& c, const std::string& name, const std::string& help,
                      const std::string& out, const std::string& out_help) {
  CLI::App& command = *app.add_subcommand(name, help);
  command.add_option("model", c.model, "model file or run folder")->required();
  command.add_option("--seed", c.seed, "of whatever is drawn")->capture_default_str();
  command
      .add_option_function<std::string>(
          "--out", [&c](const std::string& path) { c.out = path; }, out_help)
      ->default_str(out);
  command.preparse_callback([&c, out](size_t) { c.out = out; });
  return command;
}

void add_space(CLI::App& command, EditCommand& c) {
  command.add_option("--space", c.space, "of the codes; w and w+ are those of StyleGAN's generators")
      ->check(CLI::IsMember(space_names()))
      ->capture_default_str();
}

void add_inversion(CLI::App& command, EditCommand& c) {
  command.add_option("--method", c.inversion.method, "how codes of pictures are inferred")
      ->check(CLI::IsMember(names(invert_table())))
      ->capture_default_str();
  command.add_option("--steps", c.inversion.optimise.steps, "gradient steps of that")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
}

void add_images(CLI::App& command, EditCommand& c, int count, const std::string& names) {
  command.add_option("images", c.images, names + ": pictures, or seed:N for codes drawn from the prior")
      ->required()
      ->expected(count);
  add_inversion(command, c);
}

}  // namespace

void setup_edit(CLI::App& app) {
  auto c = std::make_shared<EditCommand>();
  c->inversion.method = "auto";
  c->targets.count = 8;
  app.require_subcommand(1);

  CLI::App& find =
      add_command(app, *c, "find", "find directions in a model's codes, and measure what they do", "",
                  "folder for directions.npz, summary.json (effects) and overview.png; else edit-KIND in the run's");
  std::vector<std::string> kinds = names(direction_table());
  kinds.emplace_back("user");
  find.add_option("--kind", c->kind, "how; see obverse list directions")
      ->check(CLI::IsMember(kinds))
      ->capture_default_str();
  add_space(find, *c);
  find.add_option("--data", c->data, "labelled data; else what the model was trained on");
  find.add_option("--features", c->features, "the classifier that judges; else the data's own");
  find.add_option("--codes", c->codes, "labelled codes that directions are found from")
      ->check(CLI::Range(10, 10'000'000))
      ->capture_default_str();
  find.add_option("--count", c->count, "directions that need no labels")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  find.add_option("--samples", c->samples, "that effects are measured on")
      ->check(CLI::Range(2, 1'000'000))
      ->capture_default_str();
  find.add_option("--strength", c->strength, "at which: so many times the spread of codes")->capture_default_str();
  find.add_option("--strengths", c->strengths, "columns of the picture")
      ->delimiter(',')
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all()
      ->capture_default_str();
  find.add_option("--from", c->from, "user: codes that the direction leads away from")->type_name("FILE.npz");
  find.add_option("--to", c->to, "user: codes that it leads to")->type_name("FILE.npz");
  find.add_option("--name", c->name, "user: what to call it")->capture_default_str();
  find.add_flag("--json", c->json, "for programs");
  find.callback([c] { run_find(*c); });

  CLI::App& apply = add_command(app, *c, "apply", "move pictures along a direction, or to another class", "edits",
                                "folder for edits.png and latents.npz");
  add_target_options(apply, c->targets);
  add_space(apply, *c);
  add_inversion(apply, *c);
  apply.add_option("--directions", c->directions, "the folder that find wrote, or its directions.npz")
      ->type_name("DIR");
  apply.add_option("--way", c->way, "the direction, by name or number");
  apply.add_option("--strengths", c->strengths, "how far: times the spread of codes")
      ->delimiter(',')
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all()
      ->capture_default_str();
  apply.add_option("--to-class", c->new_class, "of a conditional model: give the code this class");
  apply.add_option("--mask", c->mask, "change only what is white in this picture")->type_name("FILE.png");
  apply.callback([c] { run_apply(*c); });

  CLI::App& path =
      add_command(app, *c, "path", "what lies between two pictures", "path", "folder for path.png and latents.npz");
  add_images(path, *c, 2, "both ends");
  add_space(path, *c);
  path.add_option("--path", c->path, "how codes go; those that are not normal go straight")
      ->check(CLI::IsMember({"spherical", "linear"}))
      ->capture_default_str();
  path.add_option("--frames", c->frames, "both ends among them")->check(CLI::Range(2, 10'000))->capture_default_str();
  path.add_option("--animate", c->animation, "an animation too: .png, or .gif and .mp4 where ffmpeg is")
      ->type_name("FILE");
  path.add_option("--rate", c->rate, "frames a second")->check(CLI::Range(0.1, 100.0))->capture_default_str();
  path.callback([c] { run_path(*c); });

  CLI::App& arithmetic = add_command(app, *c, "arithmetic", "A - B + C, in codes", "arithmetic",
                                     "folder for arithmetic.png and latents.npz");
  add_images(arithmetic, *c, 3, "A, B and C");
  add_space(arithmetic, *c);
  arithmetic.callback([c] { run_arithmetic(*c); });

  CLI::App& mix = add_command(app, *c, "mix", "A with some layers' styles of B (StyleGAN's generators)", "mix",
                              "folder for mix.png and latents.npz");
  add_images(mix, *c, 2, "A and B");
  mix.add_option("--layers", c->layers, "that come from B: one or a range, 0 the coarsest")->required();
  mix.callback([c] { run_mix(*c); });
}

}  // namespace obverse
