#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/script.h>

#include <fstream>

#include "obverse/io/resize.h"
#include "obverse/metrics/classes.h"
#include "obverse/metrics/features.h"
#include "tests/refusal.h"
#include "toy_images.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;
using ::testing::HasSubstr;

void save(const std::string& path, const std::string& code) {
  torch::jit::Module module("network");
  module.register_attribute("training", c10::BoolType::get(), true);
  module.register_parameter("weight", at::tensor({2.0f}), false);
  module.define(code + "\n");
  module.save(path);
}

void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

TEST(TorchScript, IsFedFloatsAndKeepsItsFilesNameAndHash) {
  const CacheFolder folder;
  const std::string path = folder.path() + "/means.pt";
  save(path, "def forward(self, x):\n  return self.weight * x.mean([2, 3])");
  const auto network = torchscript_features(path);
  const at::Tensor x = at::rand({3, 2, 4, 4}) * 2 - 1;
  EXPECT_TRUE(at::allclose(features_of(*network, x), 2 * x.mean(at::IntArrayRef{2, 3})));
  EXPECT_EQ(network->name, "means");
  EXPECT_EQ(network->hash.size(), 64u);
  EXPECT_EQ(network->dims, 2);
  EXPECT_FALSE(network->inception);
}

TEST(TorchScript, AnotherCardIsAnotherNetwork) {
  const CacheFolder folder;
  const std::string path = folder.path() + "/net.pt";
  save(path, "def forward(self, x):\n  return x.flatten(1)");
  const std::string plain = torchscript_features(path)->hash;
  write(folder.path() + "/net.json", R"({"input": "float255"})");
  EXPECT_NE(torchscript_features(path)->hash, plain);
}

TEST(TorchScript, IsFedImagesResizedAsItsCardSays) {
  const CacheFolder folder;
  const std::string path = folder.path() + "/net.pt";
  save(path, "def forward(self, x):\n  return x.flatten(1)");
  const at::Tensor x = at::rand({2, 1, 5, 5}) * 2 - 1;
  const auto fed = [&](const std::string& card) {
    write(folder.path() + "/net.json", card);
    return features_of(*torchscript_features(path), x);
  };
  const at::Tensor bicubic = fed(R"({"size": 8, "resize": "pil-bicubic"})");
  EXPECT_TRUE(at::equal(bicubic, resize_bicubic(x, 8, 8).clamp(-1, 1).flatten(1)));
  const at::Tensor bilinear = fed(R"({"size": 3, "resize": "legacy-bilinear", "input": "float255"})");
  // Shrinking 5 to 3 without antialiasing: the middle pixel is taken as it is.
  EXPECT_TRUE(
      at::allclose(bilinear.select(1, 4), x.select(1, 0).select(1, 2).select(1, 2) * 127.5 + 127.5, 1e-5, 1e-3));
  EXPECT_FALSE(at::allclose(fed(R"({"size": 3, "resize": "pil-bicubic", "input": "float255"})"), bilinear, 0, 1));
  EXPECT_EQ(torchscript_features(path)->resize, "pil-bicubic to 3");
  EXPECT_THAT(refusal([&] { fed(R"({"size": 3, "resize": "bicubic"})"); }),
              HasSubstr("pil-bicubic or legacy-bilinear"));
  EXPECT_THAT(refusal([&] { fed(R"({"size": 9000})"); }), HasSubstr("9000"));
}

TEST(TorchScript, FollowsItsCard) {
  const CacheFolder folder;
  const std::string path = folder.path() + "/net.pt";
  save(path,
       "def forward(self, x, return_features: bool = False):\n"
       "  if not return_features:\n"
       "    return x\n"
       "  return self.weight * x.float().mean([2, 3]) + float(x.is_floating_point())");
  write(folder.path() + "/net.json",
        R"({"name": "inception", "input": "uint8", "channels": 3, "resize": "bilinear 299",
            "arguments": {"return_features": true}})");
  const auto network = torchscript_features(path);
  EXPECT_TRUE(network->inception);
  EXPECT_EQ(network->resize, "bilinear 299");
  const at::Tensor x = at::full({2, 1, 4, 4}, 1.0);  // grey, white
  EXPECT_TRUE(at::allclose(features_of(*network, x), at::full({2, 3}, 2 * 255.0)));
}

TEST(TorchScript, OfAClassifierTellsClassesFromLogitsOrProbabilities) {
  const CacheFolder folder;
  const std::string path = folder.path() + "/net.pt";
  const at::Tensor bright = at::arange(40).remainder(2) * 2 - 1;  // -1, 1, -1, ...
  const at::Tensor x = bright.to(at::kFloat).view({40, 1, 1, 1}).expand({40, 1, 4, 4}).contiguous();
  const auto score = [&](const std::string& code, const std::string& output) {
    save(path, "def forward(self, x):\n  m = x.mean([2, 3])\n  " + code);
    write(folder.path() + "/net.json", R"({"output": ")" + output + "\"}");
    const auto network = torchscript_features(path);
    const at::Tensor features = features_of(*network, x);
    EXPECT_EQ(network->classes(), 2);
    return inception_score(network->logits(features).squeeze(1)).value;
  };
  const double p = 1 / (1 + std::exp(-2.0));  // of the likelier class
  const double by_hand = 2 * std::exp(p * std::log(p) + (1 - p) * std::log(1 - p));
  EXPECT_NEAR(score("return torch.cat([m, -m], 1)", "logits"), by_hand, 1e-6);  // float32 network
  EXPECT_NEAR(score("return torch.softmax(torch.cat([m, -m], 1), 1)", "probabilities"), by_hand, 1e-6);
  EXPECT_THAT(refusal([&] { score("return torch.cat([m, -m], 1)", "probabilities"); }), HasSubstr("sum to 1"));
  EXPECT_THAT(refusal([&] { score("return m", "classes"); }), HasSubstr("use \"features\", \"logits\" or"));
  save(path, "def forward(self, x):\n  return x.mean([2, 3])");
  write(folder.path() + "/net.json", "{}");
  EXPECT_EQ(torchscript_features(path)->classes(), 0);
  EXPECT_THAT(refusal([&] { torchscript_features(path)->logits(x); }), HasSubstr("no classes"));
}

TEST(TorchScript, OfAWrongFileCardOrShapeIsRefusedInOneLine) {
  const CacheFolder folder;
  const std::string path = folder.path() + "/net.pt", card = folder.path() + "/net.json";
  write(path, "not a network");
  const std::string damaged = refusal([&] { torchscript_features(path); });
  EXPECT_THAT(damaged, HasSubstr("net.pt: not a TorchScript network"));
  EXPECT_EQ(damaged.find('\n'), std::string::npos);
  save(path, "def forward(self, x):\n  return torch.mm(x, x)");
  const auto network = torchscript_features(path);
  const std::string failing = refusal([&] { features_of(*network, at::zeros({2, 1, 4, 4})); });
  EXPECT_THAT(failing, HasSubstr("net.pt: fails on samples of 1x4x4"));
  EXPECT_EQ(failing.find('\n'), std::string::npos) << failing;
  write(card, R"({"nam": "x"})");
  EXPECT_THAT(refusal([&] { torchscript_features(path); }), HasSubstr("did you mean 'name'"));
  write(card, R"({"input": "half"})");
  EXPECT_THAT(refusal([&] { torchscript_features(path); }), HasSubstr("use \"float\", \"float255\" or \"uint8\""));
  write(card, R"({"channels": "three"})");
  EXPECT_THAT(refusal([&] { torchscript_features(path); }), HasSubstr("not a JSON card"));
  write(card, R"({"channels": 3})");
  const auto colour = torchscript_features(path);
  EXPECT_THAT(refusal([&] { features_of(*colour, at::zeros({2, 2, 4, 4})); }), HasSubstr("3 channels"));
}

}  // namespace
}  // namespace obverse
