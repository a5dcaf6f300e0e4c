#include <ATen/ATen.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "obverse/apps/lossless.h"
#include "obverse/apps/lossy.h"
#include "obverse/cli/commands.h"
#include "obverse/cli/invert_targets.h"
#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/io/files.h"
#include "obverse/io/image.h"
#include "obverse/io/npz.h"
#include "obverse/losses/reconstruction.h"

namespace obverse {
namespace {

using Json = nlohmann::ordered_json;

struct CompressCommand {
  std::string model, out = "images.obv", codec, look;
  TargetChoice targets;
  bool lossless = false, lossy = false, binarise = false, refit = false, learning = false, json = false;
  int64_t bytes = 50, refine = 0, fit_images = 20000;
  LossyFit fit;
};

struct DecompressCommand {
  std::string model, file, out, codec;
  int64_t bytes = 0;
  bool json = false;
};

void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) fail("{}: cannot make the folder ({})", path, error.message());
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Beside the model: codec.safetensors in a run's folder, NAME.codec.safetensors for NAME.safetensors.
std::string codec_path(const std::string& given, const std::string& model) {
  if (!given.empty()) return given;
  if (std::filesystem::is_directory(model)) return model + "/codec.safetensors";
  return std::filesystem::path(model).replace_extension(".codec.safetensors").string();
}

// Where a codec is kept once --refit made another, by the digits that its files carry: they can be read for ever.
std::string kept_codec(const std::string& path, const std::string& digits) {
  return std::filesystem::path(path).replace_extension(digits + ".safetensors").string();
}

LossyCodec codec_for(const CompressCommand& c, LoadedModel& loaded) {
  const std::string path = codec_path(c.codec, c.model);
  if (c.refit || !std::filesystem::exists(path)) {
    const Dataset train = load_dataset(loaded.recipe.data, "train");
    if (train.domain.shape != loaded.domain.shape)
      fail("{}: the recipe's training data are {}, the model is of {}", c.model, train.domain.text(),
           loaded.domain.text());
    fmt::print(stderr, "learning a codec from {} training images\n", std::min(c.fit_images, train.size()));
    const auto log = [](const std::string& line) { fmt::print(stderr, "{}\n", line); };
    const LossyCodec learned = LossyCodec::fit(*loaded.model, train.samples.slice(0, 0, c.fit_images), c.fit, log);
    if (std::filesystem::exists(path)) {
      const std::string kept = kept_codec(path, sha256(read_file(path)).substr(0, 16));
      std::filesystem::rename(path, kept);
      fmt::print(stderr, "the codec before it is kept in {}: files that it made are read as before\n", kept);
    }
    learned.save(path);
    fmt::print(stderr, "{}\n", path);
  } else if (c.learning) {
    fmt::print(stderr, "{} is used as it was learned: how to learn one is asked with --refit\n", path);
  }
  return LossyCodec::load(path, *loaded.model);
}

// Bits a number that one code of each image costs by the model's own reckoning: its negative ELBO, or log p(x).
double model_bits(LatentModel& model, const at::Tensor& images) {
  Rng rng(0, "bound");
  double nats = 0;
  for (int64_t i = 0; i < images.size(0); i += 500) {
    const at::Tensor x = images.slice(0, i, i + 500).to(at::kFloat) / 127.5 - 1;
    nats -= model.log_prob(x, {}, 1, rng).to(at::kDouble).sum().item<double>();
  }
  return nats / std::log(2.0) / static_cast<double>(images.numel());
}

// Into the folder --look: what fewer bytes give of the first images, and mean PSNR over all by bytes.
void look_at_rates(const CompressCommand& c, const LossyCodec& codec, LatentModel& model, const at::Tensor& images,
                   const std::string& bytes, Json& summary) {
  constexpr int64_t kShown = 12;
  const Bitstream stream = read_bitstream(bytes, c.out);
  std::vector<at::Tensor> rows = {images.slice(0, 0, kShown)};
  summary["rates"] = Json::array();
  for (const int64_t most : {10, 20, 50, 100, 200, 500, 1000}) {
    const bool all = most >= c.bytes;
    const at::Tensor seen = codec.decompress(model, stream, c.out, all ? 0 : most);
    const at::Tensor error =
        (seen.to(at::kDouble) - images.to(at::kDouble)).square().flatten(1).mean(1) / (127.5 * 127.5);
    summary["rates"].push_back({{"bytes", all ? c.bytes : most}, {"psnr", psnr(error).mean().item<double>()}});
    rows.push_back(seen.slice(0, 0, kShown));
    if (all) break;
  }
  write_png(c.look + "/rates.png", tile_images(at::cat(rows), rows.front().size(0)));
}

void run_compress(const CompressCommand& c) {
  if (c.lossless && c.lossy) fail("--lossless and --lossy exclude each other: name one");
  LoadedModel loaded = load_model(c.model);
  if (loaded.domain.kind != Domain::Kind::image)
    fail("{}: is of {}: only images are compressed", c.model, loaded.domain.text());
  Rng unused(0);
  at::Tensor images = to_bytes(choose_targets(c.targets, loaded, unused).x);
  if (c.binarise) images = (images > 127).to(at::kByte) * 255;
  if (!c.look.empty()) make_folder(c.look);
  const auto start = std::chrono::steady_clock::now();
  Json summary = {{"kind", c.lossy ? "lossy" : "lossless"},
                  {"file", c.out},
                  {"images", images.size(0)},
                  {"numbers", images.numel()}};
  std::string bytes;
  if (c.lossy) {
    const LossyCodec codec = codec_for(c, loaded);
    const auto began = std::chrono::steady_clock::now();
    bytes = codec.compress(*loaded.model, images, c.bytes, c.refine);
    summary["seconds"] = seconds_since(began);
    if (!c.look.empty() && images.size(0) > 0) look_at_rates(c, codec, *loaded.model, images, bytes, summary);
  } else {
    LosslessFile file = compress_lossless(*loaded.model, images);
    bytes = std::move(file.bytes);
    summary["initial_bits"] = file.initial_bits;
    summary["seconds"] = seconds_since(start);
    if (images.numel() > 0) summary["model_bits_per_dim"] = model_bits(*loaded.model, images);
  }
  write_file(c.out, bytes);
  summary["bytes"] = bytes.size();
  if (images.numel() > 0)
    summary["bits_per_dim"] = 8.0 * static_cast<double>(bytes.size()) / static_cast<double>(images.numel());
  if (!c.look.empty()) write_file(c.look + "/summary.json", summary.dump(1) + "\n");
  if (c.json) {
    fmt::print("{}\n", summary.dump(1));
    return;
  }
  fmt::print("{}: {} images in {} bytes, {:.4f} bits a number, all of the file counted\n", c.out, images.size(0),
             bytes.size(), summary.value("bits_per_dim", 0.0));
  if (summary.contains("model_bits_per_dim"))
    fmt::print("the model's own bound: {:.4f}; of the file, {} bits are what the coder began with\n",
               summary["model_bits_per_dim"].get<double>(), summary["initial_bits"].get<int64_t>());
}

void write_images(const at::Tensor& images, const std::string& out) {
  if (out.size() > 4 && out.substr(out.size() - 4) == ".npz") {
    write_npz(out, {{"images", images}});
    return;
  }
  make_folder(out);
  for (int64_t i = 0; i < images.size(0); ++i) write_png(fmt::format("{}/image{:05}.png", out, i), images[i]);
}

void run_decompress(const DecompressCommand& c) {
  const Bitstream stream = read_bitstream(read_file(c.file), c.file);
  LoadedModel loaded = load_model(c.model);
  const auto start = std::chrono::steady_clock::now();
  at::Tensor images;
  if (stream.kind == Bitstream::Kind::lossy) {
    std::string path = codec_path(c.codec, c.model);
    if (const std::string kept = kept_codec(path, stream.made_with); std::filesystem::exists(kept)) path = kept;
    if (!std::filesystem::exists(path))
      fail(
          "{}: the codec that {} was made with is missing: it lies beside the model that compressed, or name it by "
          "--codec",
          path, c.file);
    images = LossyCodec::load(path, *loaded.model).decompress(*loaded.model, stream, c.file, c.bytes);
  } else {
    if (c.bytes > 0) fail("--bytes: {} is lossless, all of it is needed", c.file);
    images = decompress_lossless(*loaded.model, stream, c.file);
  }
  const double seconds = seconds_since(start);
  const std::string out = c.out.empty() ? std::filesystem::path(c.file).stem().string() : c.out;
  write_images(images, out);
  if (c.json)
    fmt::print("{}\n", Json{{"out", out}, {"images", images.size(0)}, {"seconds", seconds}}.dump(1));
  else
    fmt::print("{}: {} images\n", out, images.size(0));
}

}  // namespace

void setup_compress(CLI::App& app) {
  auto c = std::make_shared<CompressCommand>();
  c->targets.count = 0;
  app.add_option("model", c->model, "model file or run folder")->required();
  app.add_option("images", c->targets.images,
                 "PNG or JPEG files, or folders of them; none: test images of the model's data");
  app.add_option("--data", c->targets.data, "test split of a data set, by name or path");
  app.add_option("--count", c->targets.count, "test images to take; 0: all")
      ->check(CLI::Range(0, 1 << 30))
      ->capture_default_str();
  app.add_flag("--resize", c->targets.resize, "resize images to the model's size");
  app.add_flag("--lossless", c->lossless, "every byte comes back (the default): VAE of dense layers, or MADE");
  CLI::Option* lossy =
      app.add_flag("--lossy", c->lossy, "so many bytes an image: any unconditional model with an encoder");
  app.add_option("--bytes", c->bytes, "of an image on average, its checksum of 2 counted; lossy")
      ->check(CLI::Range(LossyCodec::kLeastBytes, LossyCodec::kMostBytes))
      ->needs(lossy)
      ->capture_default_str();
  app.add_option("--refine", c->refine, "steps of latent optimisation for each image; lossy")
      ->check(CLI::Range(0, 100000))
      ->needs(lossy)
      ->capture_default_str();
  app.add_flag("--binarise", c->binarise, "make pixels above half white and others black first, for models of such");
  app.add_option("--codec", c->codec, "the learned codec; else codec.safetensors beside the model; lossy")
      ->needs(lossy)
      ->type_name("FILE");
  app.add_flag("--refit", c->refit, "learn the codec anew from the training data; lossy")->needs(lossy);
  const auto* images = app.add_option("--fit-images", c->fit_images, "training images to learn it from")
                           ->check(CLI::Range(100, 10'000'000))
                           ->needs(lossy)
                           ->capture_default_str();
  const auto* step = app.add_option("--code-step", c->fit.code_step, "finest step of codes, when learning it")
                         ->check(CLI::Range(1e-3, 1e3))
                         ->needs(lossy)
                         ->capture_default_str();
  const auto* passes =
      app.add_option("--passes", c->fit.passes,
                     "over those images, for the network that restores pictures, when learning it; 0: without one")
          ->check(CLI::Range(0, 1000))
          ->needs(lossy)
          ->capture_default_str();
  app.add_option("--out", c->out, "the compressed file")->capture_default_str();
  app.add_option("--look", c->look,
                 "folder for summary.json and rates.png (originals, and what fewer bytes give); RUN/compress is where "
                 "obverse report looks")
      ->type_name("DIR");
  app.add_flag("--json", c->json, "for programs");
  app.callback([=] {
    c->learning = images->count() + step->count() + passes->count() > 0;
    run_compress(*c);
  });
}

void setup_decompress(CLI::App& app) {
  auto c = std::make_shared<DecompressCommand>();
  app.add_option("model", c->model, "the model that the file was made with: file or run folder")->required();
  app.add_option("file", c->file, "that obverse compress wrote")->required();
  app.add_option("--out", c->out, "folder for PNGs, or an .npz file; else a folder named like the file")
      ->type_name("DIR");
  app.add_option("--bytes", c->bytes, "look at so many bytes of each image only: a coarser picture; lossy")
      ->check(CLI::Range(LossyCodec::kLeastBytes, LossyCodec::kMostBytes));
  app.add_option("--codec", c->codec, "the learned codec; else codec.safetensors beside the model; lossy")
      ->type_name("FILE");
  app.add_flag("--json", c->json, "for programs");
  app.callback([c] { run_decompress(*c); });
}

}  // namespace obverse
