#include "obverse/games/explain.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "obverse/core/table.h"
#include "obverse/games/recipe.h"
#include "obverse/losses/adversarial.h"

namespace obverse {
namespace {

const NetworkCost& network(const std::vector<NetworkCost>& all, const std::string& name) {
  for (const NetworkCost& cost : all)
    if (cost.name == name) return cost;
  throw std::out_of_range(name);
}
const LayerCost& layer(const NetworkCost& network, const std::string& name) {
  for (const LayerCost& cost : network.layers)
    if (cost.name == name) return cost;
  throw std::out_of_range(name);
}

// 2 -> 8 -> 2 and 2 -> 8 -> 1: a layer of n inputs and m outputs has n m + m parameters and 2 n m operations.
TEST(NetworkCosts, OfDenseLayersAreThoseByHand) {
  const Domain plane = {Domain::Kind::points, {2}, 0, {}};
  const auto game = build_game(parse_recipe({"[game]\nz_dim = 2\nr1 = { weight = 1.0 }\n[generator]\nkind = 'mlp'\n"
                                             "widths = [8]\n[discriminator]\nkind = 'mlp'\nwidths = [8]\n",
                                             "test",
                                             {}}),
                               plane);
  const auto costs = network_costs(*game, plane, 5);
  ASSERT_EQ(costs.size(), 2u);
  const NetworkCost& G = network(costs, "generator");
  EXPECT_EQ(G.player, "generator");
  EXPECT_EQ(G.parameters, 2 * 8 + 8 + 8 * 2 + 2);
  EXPECT_EQ(G.flops(), 2 * (16 + 16));
  EXPECT_EQ(layer(G, "out").output, (std::vector<int64_t>{2}));
  const NetworkCost& D = network(costs, "discriminator");
  ASSERT_EQ(D.layers.size(), 2u);  // both passes, on real and on generated samples, are one
  EXPECT_EQ(layer(D, "head.linear").parameters, 9);
  EXPECT_EQ(D.flops(), 2 * (16 + 8));
}

// 3x8x8, halved by a 4x4 kernel to 4 channels of 4x4: 4 (3 16) + 4 parameters, 2 * 48 operations for each of 64
// numbers. A transposed layer from 6 channels of 4x4 to 3 of 8x8: each of 96 numbers goes into 3 * 16.
TEST(NetworkCosts, OfConvolutionsAreThoseByHand) {
  const Domain images = {Domain::Kind::image, {3, 8, 8}, 256, {"a", "b"}};
  const auto game = build_game(parse_recipe({"[game]\nz_dim = 2\nconditional = true\n[generator]\nkind = 'dcgan'\n"
                                             "channels = [6]\n[discriminator]\nkind = 'dcgan'\nchannels = [4]\n",
                                             "test",
                                             {}}),
                               images);
  const auto costs = network_costs(*game, images, 4);
  const LayerCost& conv = layer(network(costs, "discriminator"), "trunk.conv0");
  EXPECT_EQ(conv.parameters, 4 * 48 + 4);
  EXPECT_EQ(conv.flops, 2 * 48 * 64);
  EXPECT_EQ(conv.output, (std::vector<int64_t>{4, 4, 4}));
  const LayerCost& up = layer(network(costs, "generator"), "up0.conv");
  EXPECT_EQ(up.flops, 2 * 96 * 48);
  EXPECT_EQ(up.output, (std::vector<int64_t>{3, 8, 8}));
  EXPECT_EQ(layer(network(costs, "generator"), "norm0").parameters, 2 * 2 * 6);
  for (const NetworkCost& cost : costs) {
    int64_t sum = 0;
    for (const LayerCost& part : cost.layers) sum += part.parameters;
    EXPECT_EQ(sum, cost.parameters) << cost.name;
  }
}

TEST(Formulas, AreThereForEveryLossAndSayWhatIsOn) {
  for (const AdversarialLoss& loss : adversarial_table()) {
    EXPECT_FALSE(loss.discriminator_formula.empty()) << loss.name;
    EXPECT_FALSE(loss.generator_formula.empty()) << loss.name;
  }
  const Domain images = {Domain::Kind::image, {1, 8, 8}, 256, {"a", "b"}};
  const auto game =
      build_game(parse_recipe({"[game]\nconditional = true\nconsistency_real = 10.0\nr1 = { weight = 3.0 }\n"
                               "r2 = { weight = 1.0, interval = 4 }\n[generator]\nchannels = [4]\n[discriminator]\n"
                               "channels = [4]\nconditioning = 'auxiliary'\n",
                               "test",
                               {}}),
                 images);
  std::string all;
  for (const Phase& phase : game->phases())
    for (const auto& [name, formula] : game->formulas(phase)) all += phase.name + "/" + name + "=" + formula + "\n";
  EXPECT_NE(all.find("main/r1=gamma / 2 ||grad D||^2 on real samples, gamma = 3\n"), std::string::npos) << all;
  EXPECT_NE(all.find("r2/r2=gamma / 2 ||grad D||^2 on generated samples, gamma = 1, 4 times that\n"),
            std::string::npos);
  EXPECT_NE(all.find("main/consistency_real=10 E (D(x) - D(T(x)))^2\n"), std::string::npos) << all;
  EXPECT_NE(all.find("main/classes=1 E -log C(y | G(z))\n"), std::string::npos) << all;
}

TEST(Formulas, OfAJointRegressorsPlayersAreTheirOwn) {
  const auto game =
      build_game(parse_recipe({"[game]\nkind = 'joint-regressor'\nz_dim = 2\ngenerator_weight = 0.5\n[generator]\n"
                               "kind = 'mlp'\n[encoder]\nkind = 'mlp'\n[discriminator]\nkind = 'mlp'\n",
                               "test",
                               {}}),
                 {Domain::Kind::points, {2}, 0, {}});
  ASSERT_EQ(game->formulas({"encoder"}).size(), 1u);
  EXPECT_EQ(game->formulas({"encoder"}).front().second, "E |E(G(z)) - z|^2 / d");
  EXPECT_EQ(game->formulas({"generator"}).back().second, "0.5 E |E(G(z)) - z|^2 / d");
}

}  // namespace
}  // namespace obverse
