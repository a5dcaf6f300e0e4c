#include "obverse/apps/lossless.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cmath>
#include <random>

#include "obverse/apps/integer_network.h"
#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/games/recipe.h"
#include "obverse/io/files.h"
#include "obverse/models/networks.h"
#include "tests/refusal.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;
using ::testing::HasSubstr;

const Domain kImages = {Domain::Kind::image, {1, 6, 5}, 256, {}};

struct Toy {
  std::unique_ptr<Game> game;
  std::unique_ptr<LatentModel> model;
};

// A game with weights that are drawn and not learned: any model has to code any image.
Toy toy(const std::string& tables, const Domain& domain = kImages, double spread = 1) {
  Toy result{build_game(parse_recipe({tables, "test", {}}), domain), nullptr};
  Rng rng(4);
  without_grad([&] {
    for (auto& [name, tensor] : result.game->weights())
      if (tensor.dim() > 0) tensor.add_(0.2 * spread * rng.normal(tensor.sizes()));
    return 0;
  });
  freeze(*result.game, {});
  result.model = result.game->model();
  result.model->name = "toy";
  result.model->hash = sha256(tables);
  return result;
}

std::string vae(const std::string& likelihood, const std::string& more = "", const std::string& activation = "relu") {
  return "[game]\nkind = 'vae'\nz_dim = 3\nlikelihood = '" + likelihood + "'\n" + more +
         "\n[generator]\nkind = 'mlp'\nwidths = [16]\nactivation = '" + activation +
         "'\n[encoder]\nkind = 'mlp'\nwidths = [8, 8]\nactivation = '" + activation + "'\noffset = -1\nscale = 2\n";
}
const std::string kMade = "[game]\nkind = 'made'\n[network]\nwidths = [40, 30]\n";

at::Tensor images_for(const LatentModel& model, int64_t n, bool binary, uint64_t seed = 1) {
  std::vector<int64_t> sizes = model.domain().shape;
  sizes.insert(sizes.begin(), n);
  Rng rng(seed);
  const at::Tensor x = rng.integers(256, sizes);
  return (binary ? (x > 127).to(at::kLong) * 255 : x).to(at::kByte);
}

at::Tensor there_and_back(const LatentModel& model, const at::Tensor& x) {
  return decompress_lossless(model, read_bitstream(compress_lossless(model, x).bytes, "file"), "file");
}

TEST(IntegerNetwork, SaysNearlyWhatTheNetworkSaysInFloatingPoint) {
  for (const char* activation : {"relu", "leaky_relu", "tanh"}) {
    const Toy t = toy(vae("logistic-mixture", "components = 2", activation));
    const CodingNetworks parts = t.model->coding_networks();
    const at::Tensor x = images_for(*t.model, 9, false);
    const IntegerNetwork encoder(parts.encoder, "toy"), decoder(parts.decoder, "toy");
    const CodeDistribution q = t.model->infer(x.to(at::kFloat) / 127.5 - 1, {});
    const at::Tensor expected = at::cat({q.mean, q.log_std}, 1);
    const at::Tensor found = encoder.forward(encoder.of_images(x)) / 16384.0;
    EXPECT_LT((found - expected).abs().max().item<double>(), 2e-3) << activation;
    const at::Tensor z = Rng(3).normal({9, 3});
    const at::Tensor raw = dynamic_cast<Generator&>(*t.game->module("generator")).raw(z, {}).flatten(1);
    const at::Tensor whole = (z.to(at::kDouble) * 16384).round();
    EXPECT_LT((decoder.forward(whole) / 16384.0 - raw).abs().max().item<double>(), 2e-3) << activation;
  }
}

TEST(IntegerNetwork, InputsThatComeOneByOneEndInTheSameNumbers) {
  const Toy t = toy(kMade);
  const IntegerNetwork network(t.model->coding_networks().decoder, "toy");
  const at::Tensor input = network.of_images(images_for(*t.model, 4, true)), all = network.forward(input);
  at::Tensor sums = network.empty_sums(4);
  for (int64_t i = 0; i < 30; ++i) {
    EXPECT_TRUE(at::equal(network.output(sums, i), all.select(1, i))) << i;
    network.add_input(sums, i, input.select(1, i));
  }
}

TEST(IntegerNetwork, WeightsThatDoNotFitAreRefused) {
  DenseLayers layers{{at::full({2, 3}, 1e6)}, {at::zeros({2})}, "relu"};
  EXPECT_THROW(IntegerNetwork(layers, "m"), UserError);
  layers.weights[0].fill_(std::nan(""));
  EXPECT_THROW(IntegerNetwork(layers, "m"), UserError);
}

TEST(Lossless, EveryByteComesBackWhateverTheLikelihood) {
  for (const std::string& tables : {vae("logistic-mixture", "components = 3"), vae("discretised-logistic"),
                                    vae("logistic-mixture", "components = 1", "tanh")}) {
    const Toy t = toy(tables);
    for (const int64_t n : {0, 1, 2, 3, 200}) {
      const at::Tensor x = images_for(*t.model, n, false);
      EXPECT_TRUE(at::equal(there_and_back(*t.model, x), x)) << n;
    }
  }
}

TEST(Lossless, PixelsThatAreOnOrOffComeBackFromAVaeAndFromAnAutoregressiveModel) {
  for (const std::string& tables : {vae("bernoulli", "binarise = true"), kMade}) {
    const Toy t = toy(tables);
    for (const int64_t n : {1, 300}) {
      const at::Tensor x = images_for(*t.model, n, true);
      EXPECT_TRUE(at::equal(there_and_back(*t.model, x), x)) << n;
    }
    EXPECT_THAT(refusal([&] { compress_lossless(*t.model, images_for(*t.model, 1, false)); }), HasSubstr("on or off"));
  }
}

TEST(Lossless, ColouredImagesComeBack) {
  const Toy t = toy(vae("logistic-mixture"), {Domain::Kind::image, {3, 4, 4}, 256, {}});
  const at::Tensor x = images_for(*t.model, 20, false);
  EXPECT_TRUE(at::equal(there_and_back(*t.model, x), x));
}

TEST(Lossless, ExtremeWeightsOnlyCostBits) {
  const Toy t = toy(vae("logistic-mixture"), kImages, 40);
  const at::Tensor x = images_for(*t.model, 70, false);
  EXPECT_TRUE(at::equal(there_and_back(*t.model, x), x));
}

// Images as the model draws them, nearly: around its means, logistic noise of the scale that it starts with.
at::Tensor likely_images(LatentModel& model, int64_t n) {
  Rng rng(8);
  const at::Tensor mean = model.decode(rng.normal({n, 3}), {}), u = rng.uniform(mean.sizes()).clamp(0.001, 0.999);
  return ((mean + 0.135 * at::log(u / (1 - u))).clamp(-1, 1) * 127.5 + 127.5).round().to(at::kByte);
}

// They cost what the model says they cost: the mean over many images of the bound with one code each.
TEST(Lossless, BitsAreTheNegativeBound) {
  for (const std::string& tables : {vae("logistic-mixture", "components = 2"), vae("discretised-logistic")}) {
    const Toy t = toy(tables);
    // Codes near the prior that say little: nothing is then more improbable than the coder can say.
    for (const char* name : {"generator.out.weight", "encoder.head.linear.weight", "encoder.head.linear.bias"})
      find_tensor(t.game->weights(), name, "toy").mul_(0.1);
    const at::Tensor x = likely_images(*t.model, 3000);
    const LosslessFile file = compress_lossless(*t.model, x);
    Rng rng(5);
    double nats = 0;
    for (int i = 0; i < 4; ++i)
      nats -= t.model->log_prob(x.to(at::kFloat) / 127.5 - 1, {}, 1, rng).to(at::kDouble).mean().item<double>() / 4;
    const double expected = 3000 * nats / std::log(2.0);
    EXPECT_NEAR(8.0 * static_cast<double>(file.bytes.size()) / expected, 1, 0.005);
    EXPECT_LT(file.initial_bits, 400);
  }
}

TEST(Lossless, AnAutoregressiveModelTakesItsOwnNegativeLogLikelihood) {
  const Toy t = toy(kMade);
  const at::Tensor x = images_for(*t.model, 2000, true);
  Rng rng(5);
  const double bits = -t.model->log_prob(x.to(at::kFloat) / 127.5 - 1, {}, 1, rng).sum().item<double>() / std::log(2.0);
  EXPECT_NEAR(8.0 * static_cast<double>(compress_lossless(*t.model, x).bytes.size()) / bits, 1, 0.01);
}

TEST(Lossless, ModelsWithoutAnIntegerFormAreRefusedInOneLine) {
  const auto refusal_of = [](const std::string& tables) {
    const Toy t = toy(tables, {Domain::Kind::image, {1, 8, 8}, 256, {}});
    return refusal([&] { compress_lossless(*t.model, images_for(*t.model, 1, false)); });
  };
  EXPECT_THAT(refusal_of(vae("gaussian")), HasSubstr("density"));
  EXPECT_THAT(refusal_of(vae("logistic-mixture", "", "softplus")), HasSubstr("softplus"));
  EXPECT_THAT(refusal_of("[game]\nkind = 'vae'\nlikelihood = 'discretised-logistic'\n[generator]\nkind = 'dcgan'\n"
                         "channels = [8]\n[encoder]\nkind = 'dcgan'\nchannels = [8]\n"),
              HasSubstr("dense layers"));
}

TEST(Lossless, ImagesOfAnotherShapeAreRefused) {
  const Toy t = toy(vae("logistic-mixture"));
  EXPECT_THROW(compress_lossless(*t.model, at::zeros({1, 1, 5, 6}, at::kByte)), UserError);
}

}  // namespace
}  // namespace obverse
