// Parity with PyTorch: tests/fixtures/make_models_fixture.py wrote networks made of its operations, in float32.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "obverse/core/autograd.h"
#include "obverse/core/table.h"
#include "obverse/io/npz.h"
#include "obverse/layers/attention.h"
#include "obverse/models/networks.h"
#include "obverse/models/translators.h"
#include "tests/models/make_network.h"

namespace obverse {
namespace {

constexpr double kTolerance = 1e-5;  // float32, relative, of a whole tensor

const NamedTensors& fixture() {
  static const NamedTensors arrays = read_npz(OBVERSE_SOURCE_DIR "/tests/fixtures/models.npz");
  return arrays;
}
at::Tensor fixture(const std::string& name) { return find_tensor(fixture(), name, "models.npz"); }

NetworkShape images(int64_t size) { return {{Domain::Kind::image, {3, size, size}, 256, {}}, 5, 0}; }

/// Every weight of the fixture into the module; those that only batch norm's statistics are made of stay.
void load(Module& module, const std::string& name) {
  module.track(false);
  const std::string prefix = name + "/weight/";
  size_t found = 0;
  without_grad([&] {
    for (const auto& [key, tensor] : module.state()) {
      if (key.find("running_") != std::string::npos) continue;
      tensor.copy_(fixture(prefix + key));
      ++found;
    }
    return 0;
  });
  size_t there = 0;
  for (const auto& [key, tensor] : fixture()) there += key.compare(0, prefix.size(), prefix) == 0;
  EXPECT_EQ(found, there) << name;
}

void expect_close(const at::Tensor& ours, const at::Tensor& theirs, const std::string& what) {
  ASSERT_EQ(ours.sizes(), theirs.sizes()) << what;
  const double error = (ours - theirs).norm().item<double>(), size = theirs.norm().item<double>();
  EXPECT_LE(error, kTolerance * size + 1e-7) << what << ", of norm " << size;  // gradients that cancel have no digits
}

/// Output, loss and the gradient of every weight.
void expect_parity(Module& module, const std::string& name, const at::Tensor& y, const at::Tensor& loss) {
  expect_close(y, fixture(name + "/y"), name + "/y");
  expect_close(loss, fixture(name + "/loss"), name + "/loss");
  const NamedTensors parameters = module.parameters();
  std::vector<at::Tensor> values;
  for (const auto& [key, tensor] : parameters) values.push_back(tensor);
  const std::vector<at::Tensor> slopes = gradients(loss, values);
  for (size_t i = 0; i < slopes.size(); ++i)
    expect_close(slopes[i], fixture(name + "/slope/" + parameters[i].first), name + "/" + parameters[i].first);
}

struct Case {
  std::string kind, generator, discriminator;
  int64_t generated, judged;  // sides of the images
  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.kind; }
};

class Parity : public ::testing::TestWithParam<Case> {};

TEST_P(Parity, HoldsForTheGenerator) {
  const std::string name = GetParam().kind + "_generator";
  const auto G =
      testing::make_network(generator_table(), GetParam().kind, GetParam().generator, images(GetParam().generated));
  load(*G, name);
  const at::Tensor y = G->forward(fixture(name + "/z"), {});
  expect_parity(*G, name, y, (y * fixture(name + "/direction")).mean());
}

TEST_P(Parity, HoldsForTheDiscriminatorAndItsLoss) {
  const std::string name = GetParam().kind + "_discriminator";
  const auto D = testing::make_network(discriminator_table(), GetParam().kind, GetParam().discriminator,
                                       images(GetParam().judged));
  load(*D, name);
  const at::Tensor logits = D->forward(fixture(name + "/x"), {});
  expect_parity(*D, name, logits, at::softplus(-logits).mean());
}

INSTANTIATE_TEST_SUITE_P(Zoo, Parity,
                         ::testing::Values(Case{"dcgan", "channels = [8, 6, 4]", "channels = [4, 6]", 16, 16},
                                           Case{"sngan", "channels = [5]", "channels = [4, 6]\nhalvings = 1", 8, 8},
                                           Case{"stylegan2", "channels = [6, 5]\nw_dim = 7\nmapping_layers = 2",
                                                "channels = [4, 6]\nminibatch_group = 2", 8, 8}),
                         [](const auto& row) { return row.param.kind; });

TEST(Parity, HoldsForSelfAttention) {
  Rng rng(1);
  SelfAttention layer(16, rng, false);
  load(layer, "attention");
  const at::Tensor y = layer.forward(fixture("attention/x"));
  expect_parity(layer, "attention", y, (y * fixture("attention/direction")).mean());
}

TEST(Parity, HoldsForCycleGansGenerator) {
  const std::string name = "cyclegan_generator";
  const auto G = testing::make_network(translator_table(), "resnet", "width = 4\nblocks = 1", images(16));
  load(*G, name);
  const at::Tensor x = fixture(name + "/x"), y = G->forward(x);
  expect_parity(*G, name, y, (y * fixture(name + "/direction")).mean() + (y - x).abs().mean());
}

}  // namespace

}  // namespace obverse
