// A program of its own that ships a model: from codes to pictures, and from a picture back to its code.
// usage: both_directions MODEL [PICTURE.png]
#include <ATen/ATen.h>

#include <cstdio>
#include <exception>

#include "obverse/core/engine.h"
#include "obverse/games/recipe.h"
#include "obverse/infer/invert.h"
#include "obverse/io/image.h"
#include "obverse/io/resize.h"

int main(int argc, char** argv) try {
  if (argc < 2) return std::fprintf(stderr, "usage: both_directions MODEL [PICTURE.png]\n"), 2;
  obverse::start_engine(1);
  obverse::LoadedModel loaded = obverse::load_model(argv[1]);  // a run folder or its model.safetensors
  obverse::LatentModel& model = *loaded.model;
  if (loaded.domain.kind != obverse::Domain::Kind::image)
    return std::fprintf(stderr, "%s makes no images\n", argv[1]), 2;
  const at::Tensor y = model.classes() > 0 ? at::arange(4, at::kLong).remainder(model.classes()) : at::Tensor();

  const at::Tensor code = obverse::latents_for_seeds(model, {0, 1, 2, 3});  // [4, ...], as `obverse sample --seeds 0-3`
  const at::Tensor x = obverse::decode_all(model, code, y);                 // [4, C, H, W] in [-1, 1]
  obverse::write_png("samples.png", obverse::tile_images(obverse::to_bytes(x), 4));
  if (argc < 3) return 0;

  const auto& shape = loaded.domain.shape;
  const at::Tensor picture = obverse::fit_image(obverse::read_image(argv[2]), shape[0], shape[1], shape[2]);
  obverse::InvertOptions options;
  options.method = "auto";  // the model's encoder, optimisation, or both
  obverse::Rng rng(0, "invert");
  const obverse::Inversion found =
      obverse::invert(model, picture.unsqueeze(0).to(at::kFloat) / 127.5 - 1, {}, options, rng);
  obverse::write_png("reconstruction.png", obverse::to_bytes(found.reconstruction)[0]);
  std::printf("%s: mean squared error %.4f\n", found.method.c_str(), found.mse.item<double>());
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "both_directions: %s\n", error.what());
  return 1;
}
