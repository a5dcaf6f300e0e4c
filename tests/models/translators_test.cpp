#include "obverse/models/translators.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/layers/image_norm.h"
#include "tests/finite_differences.h"
#include "tests/models/make_network.h"

namespace obverse {
namespace {

const NetworkShape kShape = {{Domain::Kind::image, {3, 16, 16}, 256, {}}, 1, 0};

template <class Network>
std::shared_ptr<Network> make(const std::vector<NetworkRow<Network>>& table, const std::string& kind,
                              const std::string& text, const NetworkShape& shape = kShape) {
  return testing::make_network(table, kind, text, shape);
}

const char* kSmall = "width = 4\n";

template <class Network>
void expect_trainable(Network& network, const std::vector<int64_t>& output) {
  Rng rng(2);
  const at::Tensor x = rng.normal({2, 3, 16, 16}).tanh(), y = network.forward(x);
  EXPECT_EQ(y.sizes(), at::IntArrayRef(output));
  EXPECT_EQ(y.scalar_type(), at::kFloat);
  (y * rng.normal(y.sizes())).sum().backward();
  for (const auto& [name, p] : network.parameters()) {
    ASSERT_TRUE(p.grad().defined()) << name;
    EXPECT_TRUE(p.grad().isfinite().all().template item<bool>()) << name;
  }
  Placement half;
  half.compute = at::kBFloat16;
  network.set_placement(half);
  const at::Tensor rounded = network.forward(x);
  EXPECT_EQ(rounded.scalar_type(), at::kFloat);
  EXPECT_LT(((rounded - y).norm() / y.norm()).template item<double>(), 0.1);
}

TEST(Translators, KeepTheImagesShapeAndReachEveryParameter) {
  for (const auto& row : translator_table()) {
    const auto network = make(translator_table(), row.name, row.name == "unet" ? "width = 4\ndepth = 3" : kSmall);
    expect_trainable(*network, {2, 3, 16, 16});
    EXPECT_FALSE(row.source.empty());
  }
}

// 16 -> 8 -> 4, then two convolutions of 4 without stride: 3, 2.
TEST(PatchGan, GivesALogitForEachPatchThatDependsOnItAlone) {
  const auto D = make(patch_discriminator_table(), "patchgan", "width = 4\nlayers = 2");
  expect_trainable(*D, {2, 2, 2});
}

TEST(Translators, RefuseImagesThatDoNotHalveOften) {
  EXPECT_THROW(make(translator_table(), "unet", "depth = 5"), UserError);
  EXPECT_THROW(make(translator_table(), "resnet", "halvings = 4"), UserError);
  EXPECT_THROW(make(patch_discriminator_table(), "patchgan", "layers = 3"), UserError);
}

TEST(InstanceNorm, GivesEachChannelOfEachImageMeanZeroAndVarianceOne) {
  const at::Tensor y = instance_norm(3 + 7 * Rng(1).normal({2, 3, 8, 8}));
  EXPECT_LT(y.mean({2, 3}).abs().max().item<double>(), 1e-5);
  EXPECT_LT((y.square().mean({2, 3}) - 1).abs().max().item<double>(), 1e-4);
}

TEST(InstanceNorm, HasTheDerivativesOfFiniteDifferencesTwice) {
  const auto f = [](const at::Tensor& x) { return instance_norm(x.view({1, 2, 2, 3})).flatten(); };
  const at::Tensor x = Rng(3).normal({12}).to(at::kDouble);
  expect_derivative(f, x);
  expect_second_derivative(f, x, 1e-6);
}

TEST(MirrorPad, IsLibTorchsReflectionPadInEveryType) {
  const at::Tensor x = Rng(1).normal({2, 3, 5, 6});
  for (const int64_t width : {1, 3}) {
    EXPECT_TRUE(at::equal(mirror_pad(x, width), at::reflection_pad2d(x, {width, width, width, width})));
    EXPECT_EQ(mirror_pad(x.to(at::kBFloat16), width).scalar_type(), at::kBFloat16);
  }
}

}  // namespace
}  // namespace obverse
