#include "obverse/models/networks.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "tests/models/make_network.h"
#include "tests/refusal.h"

namespace obverse {
namespace {

using ::obverse::testing::refusal;
using ::testing::HasSubstr;

constexpr int64_t kBatch = 4;

NetworkShape images(int64_t channels, int64_t size, int64_t classes = 0) {
  return {{Domain::Kind::image, {channels, size, size}, 256, {}}, 16, classes};
}
NetworkShape plane(int64_t classes = 0) { return {{Domain::Kind::points, {2}, 0, {}}, 16, classes}; }

std::vector<NetworkShape> every_shape() { return {images(1, 28), images(3, 32), images(1, 28, 3), plane(), plane(3)}; }

/// Options under which each architecture is tested: every row of the tables must be here at least once, and small.
struct Variant {
  std::string kind, options;
};
const std::vector<Variant>& variants(const Generator*) {
  static const std::vector<Variant> list = {
      {"mlp", "widths = [24, 16]"},
      {"mlp", "widths = [24]\nbatch_norm = true\nactivation = 'tanh'"},
      {"mlp", "widths = [24, 16]\nbatch_norm = true\nrepeat_input = true"},
      {"dcgan", "channels = [16, 8, 4]"},
      {"dcgan", "channels = [16, 8]\nbatch_norm = false\nup = 'nearest'"},
      {"dcgan", "channels = [16, 8, 8]\nup = 'bilinear'\nfull_size_stage = true\ninit_std = 0"},
      {"dcgan", "channels = [16, 8, 8]\nup = 'shuffle'"},
      {"r3gan", "channels = [16, 8, 8]\ngroup_size = 4\nblocks = 2"},
      {"r3gan", "channels = [8]\ngroup_size = 8\nblocks = 1\nexpansion = 3"},
      {"dcgan", "channels = [16, 8, 4]\nconditioning = 'concatenation'"},
      {"sngan", "channels = [8, 6]"},
      {"progressive", "channels = [6, 4]"},
      {"stylegan2", "channels = [8, 6, 4]\nw_dim = 12\nmapping_layers = 2"},
      {"sagan", "channels = [16, 16]\nattention_size = 14"},
  };
  return list;
}
const std::vector<Variant>& variants(const Encoder*) {
  static const std::vector<Variant> list = {
      {"mlp", "widths = [24, 16]"},
      {"mlp", "widths = [24]\nspectral_norm = true\nactivation = 'relu'"},
      {"mlp", "widths = [24]\nfrequencies = 6\nmax_frequency = 20\nbias_spread = 1"},
      {"dcgan", "channels = [4, 8, 16]"},
      {"dcgan", "channels = [8, 16]\nbatch_norm = false\nspectral_norm = true\nglobal_sum = true"},
      {"dcgan", "channels = [8, 16]\nminibatch_std = true\nkernel = 3\ninit_std = 0"},
      {"r3gan", "channels = [8, 8, 16]\ngroup_size = 4\nblocks = 2"},
  };
  return list;
}

const std::vector<Variant>& variants(const Discriminator*) {
  static const std::vector<Variant> list = [] {
    std::vector<Variant> all = variants(static_cast<const Encoder*>(nullptr));
    all.push_back({"mlp", "widths = [16]\nconditioning = 'concatenation'"});
    all.push_back({"mlp", "widths = [16]\nconditioning = 'auxiliary'"});
    all.push_back({"dcgan", "channels = [4, 8]\nbatch_norm = false\nconditioning = 'concatenation'"});
    all.push_back({"dcgan", "channels = [4, 8]\nminibatch_kernels = 3\nminibatch_numbers = 2"});
    all.push_back({"r3gan", "channels = [8, 8]\ngroup_size = 4\nblocks = 1\nconditioning = 'auxiliary'"});
    all.push_back({"sngan", "channels = [8, 8, 16]"});
    all.push_back({"progressive", "channels = [4, 6]"});
    all.push_back({"stylegan2", "channels = [4, 6, 8]"});
    all.push_back({"stylegan2", "channels = [4, 8]\nminibatch_group = 0\nconditioning = 'concatenation'"});
    all.push_back({"sngan", "channels = [8]\nhalvings = 1\nspectral_norm = false\nconditioning = 'concatenation'"});
    all.push_back({"sagan", "channels = [8, 16]\nattention_size = 7\nhalvings = 2"});
    return all;
  }();
  return list;
}

std::vector<int64_t> batch_shape(const NetworkShape& shape) {
  std::vector<int64_t> sizes = shape.domain.shape;
  sizes.insert(sizes.begin(), kBatch);
  return sizes;
}

at::Tensor labels(const NetworkShape& shape) {
  return shape.classes > 0 ? at::arange(kBatch, at::kLong) % shape.classes : at::Tensor();
}

/// Two things that every network has, whatever its role: an input, and a forward pass.
at::Tensor input_of(const Generator&, const NetworkShape& shape, Rng& rng) { return rng.normal({kBatch, shape.z_dim}); }
template <class Critic>
at::Tensor input_of(const Critic&, const NetworkShape& shape, Rng& rng) {
  return rng.normal(batch_shape(shape)).tanh();
}
std::vector<int64_t> output_shape(const Generator&, const NetworkShape& shape) { return batch_shape(shape); }
std::vector<int64_t> output_shape(const Discriminator&, const NetworkShape&) { return {kBatch}; }
std::vector<int64_t> output_shape(const Encoder&, const NetworkShape& shape) { return {kBatch, shape.z_dim}; }

template <class Network>
struct Zoo;
template <>
struct Zoo<Generator> {
  static const auto& table() { return generator_table(); }
};
template <>
struct Zoo<Discriminator> {
  static const auto& table() { return discriminator_table(); }
};
template <>
struct Zoo<Encoder> {
  static const auto& table() { return encoder_table(); }
};

template <class Network>
std::shared_ptr<Network> make(const Variant& variant, const NetworkShape& shape, uint64_t seed = 1) {
  return testing::make_network(Zoo<Network>::table(), variant.kind, variant.options, shape, seed);
}

/// Whether the architecture is for such data at all: only mlp takes points, and attention is at a stated size.
bool supports(const Variant& variant, const NetworkShape& shape) {
  if (variant.options.find("attention_size") != std::string::npos && shape.domain.shape.back() == 32) return false;
  return shape.domain.kind == Domain::Kind::image || variant.kind == "mlp";
}

/// Calls f(build, shape) for every variant and every shape it supports; build(seed) makes the network.
template <class Network, class F>
void for_every_network(const F& f) {
  for (const Variant& variant : variants(static_cast<Network*>(nullptr)))
    for (const NetworkShape& shape : every_shape()) {
      if (!supports(variant, shape)) continue;
      SCOPED_TRACE(variant.kind + " (" + variant.options + ") for " + std::to_string(shape.domain.shape.back()) +
                   " wide data, " + std::to_string(shape.classes) + " classes");
      f([&](uint64_t seed = 1) { return make<Network>(variant, shape, seed); }, shape);
    }
}

/// A zero last layer would hide what lies before it.
void stir(Module& module, Rng& rng) {
  without_grad([&] {
    for (const auto& [name, tensor] : module.parameters())
      if (tensor.abs().max().item<double>() == 0) tensor.copy_(rng.normal(tensor.sizes()) * 0.1);
    return 0;
  });
}

NamedTensors copies(const NamedTensors& tensors) {
  NamedTensors result;
  for (const auto& [name, tensor] : tensors) result.emplace_back(name, tensor.detach().clone());
  return result;
}

void expect_same(const NamedTensors& a, const NamedTensors& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].first, b[i].first);
    EXPECT_TRUE(at::equal(a[i].second, b[i].second)) << a[i].first;
  }
}

double relative_error(const at::Tensor& a, const at::Tensor& b) { return ((a - b).norm() / b.norm()).item<double>(); }

template <class Network>
class EveryNetwork : public ::testing::Test {};
using Roles = ::testing::Types<Generator, Discriminator, Encoder>;
TYPED_TEST_SUITE(EveryNetwork, Roles);

TYPED_TEST(EveryNetwork, IsNamedOnceAndHasASource) {
  std::set<std::string> seen;
  for (const auto& row : Zoo<TypeParam>::table()) {
    EXPECT_TRUE(seen.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.source.empty()) << row.name;
    EXPECT_TRUE(std::any_of(variants(static_cast<TypeParam*>(nullptr)).begin(),
                            variants(static_cast<TypeParam*>(nullptr)).end(),
                            [&](const Variant& v) { return v.kind == row.name; }))
        << row.name << " is not tested";
  }
}

TEST(Discriminator, SaysWhetherItsLogitsDependOnTheRestOfTheBatch) {
  for_every_network<Discriminator>([](const auto& build, const NetworkShape& shape) {
    const auto network = build();
    Rng rng(2);
    stir(*network, rng);
    network->track(false);  // the power iteration stands still
    const at::Tensor x = input_of(*network, shape, rng), y = labels(shape), twice = y.defined() ? y.repeat({2}) : y;
    const at::Tensor others = input_of(*network, shape, rng);
    const at::Tensor apart = network->forward(x, y);
    const at::Tensor together = network->forward(at::cat({x, others}), twice).narrow(0, 0, kBatch);
    EXPECT_EQ(relative_error(together, apart) > 1e-4, network->mixes_samples());
  });
}

TYPED_TEST(EveryNetwork, GivesFiniteFloat32OfTheStatedShape) {
  for_every_network<TypeParam>([](const auto& build, const NetworkShape& shape) {
    const auto network = build();
    Rng rng(2);
    const at::Tensor out = network->forward(input_of(*network, shape, rng), labels(shape));
    EXPECT_EQ(out.sizes(), at::IntArrayRef(output_shape(*network, shape)));
    EXPECT_EQ(out.scalar_type(), at::kFloat);
    EXPECT_TRUE(out.isfinite().all().template item<bool>());
  });
}

TYPED_TEST(EveryNetwork, IsReachedByTheGradientInEveryParameter) {
  for_every_network<TypeParam>([](const auto& build, const NetworkShape& shape) {
    const auto network = build();
    Rng rng(2);
    stir(*network, rng);
    if (auto* growing = dynamic_cast<Growing*>(network.get())) growing->grow(0.5);  // both stages are at work
    const at::Tensor out = network->forward(input_of(*network, shape, rng), labels(shape));
    at::Tensor sum = (out * rng.normal(out.sizes())).sum();
    if constexpr (std::is_same_v<TypeParam, Discriminator>) {
      if (network->classifies())
        sum = sum + network->class_logits(network->features(input_of(*network, shape, rng))).square().sum();
    }
    sum.backward();
    for (const auto& [name, parameter] : network->parameters()) {
      ASSERT_TRUE(parameter.grad().defined()) << name;
      EXPECT_TRUE(parameter.grad().isfinite().all().template item<bool>()) << name;
      EXPECT_GT(parameter.grad().abs().max().template item<double>(), 0) << name;
    }
  });
}

TYPED_TEST(EveryNetwork, HasTheSameUniqueNamesAndWeightsForTheSameSeed) {
  for_every_network<TypeParam>([](const auto& build, const NetworkShape&) {
    const auto a = build(5), b = build(5), c = build(6);
    expect_same(a->state(), b->state());
    std::set<std::string> seen;
    for (const auto& [name, tensor] : a->state()) EXPECT_TRUE(seen.insert(name).second) << name;
    EXPECT_FALSE(at::equal(a->parameters()[0].second, c->parameters()[0].second));
  });
}

TYPED_TEST(EveryNetwork, ComputesTheSameAfterItsStateIsCopied) {
  for_every_network<TypeParam>([](const auto& build, const NetworkShape& shape) {
    const auto a = build(5), b = build(6);
    Rng rng(2);
    const at::Tensor in = input_of(*a, shape, rng), y = labels(shape);
    a->forward(in, y);  // moves statistics
    copy_named(b->state(), a->state(), "test");
    a->train(false);
    b->train(false);
    EXPECT_TRUE(at::equal(a->forward(in, y), b->forward(in, y)));
  });
}

TYPED_TEST(EveryNetwork, LeavesItsBuffersAloneUnlessItTracks) {
  for_every_network<TypeParam>([](const auto& build, const NetworkShape& shape) {
    const auto network = build();
    Rng rng(2);
    const at::Tensor in = input_of(*network, shape, rng), y = labels(shape);
    const NamedTensors before = copies(network->buffers());
    network->track(false);
    network->forward(in, y);
    network->track(true);
    network->train(false);
    network->forward(in, y);
    expect_same(network->buffers(), before);
  });
}

TYPED_TEST(EveryNetwork, IsCloseToFloat32InBfloat16) {
  for_every_network<TypeParam>([](const auto& build, const NetworkShape& shape) {
    const auto network = build();
    Rng rng(2);
    stir(*network, rng);
    network->track(false);
    const at::Tensor in = input_of(*network, shape, rng), y = labels(shape);
    const at::Tensor exact = network->forward(in, y);
    Placement half;
    half.compute = at::kBFloat16;
    network->set_placement(half);
    const at::Tensor rounded = network->forward(in, y);
    EXPECT_EQ(rounded.scalar_type(), at::kFloat);
    EXPECT_LT(relative_error(rounded, exact), 0.05);  // bfloat16 has 8 bits: 0.4 % an operation
  });
}

TYPED_TEST(EveryNetwork, DependsOnTheClassAndDemandsALabel) {
  for_every_network<TypeParam>([](const auto& build, const NetworkShape& shape) {
    if (shape.classes == 0) return;
    const auto network = build();
    Rng rng(2);
    stir(*network, rng);
    if (std::is_same_v<TypeParam, Generator>)  // conditional batch norm starts equal for all classes
      without_grad([&] {
        for (const auto& [name, tensor] : network->parameters()) tensor.add_(rng.normal(tensor.sizes()) * 0.01);
        return 0;
      });
    network->train(false);
    const at::Tensor in = input_of(*network, shape, rng);
    if constexpr (std::is_same_v<TypeParam, Discriminator>) {
      if (network->classifies()) {  // it is not told, but guesses
        EXPECT_EQ(network->class_logits(network->features(in)).sizes(), at::IntArrayRef({kBatch, shape.classes}));
        return;
      }
    }
    const at::Tensor a = network->forward(in, at::zeros({kBatch}, at::kLong));
    const at::Tensor b = network->forward(in, at::ones({kBatch}, at::kLong));
    EXPECT_GT((a - b).abs().max().template item<double>(), 1e-6);
    EXPECT_THROW(network->forward(in, {}), UserError);
  });
}

TYPED_TEST(EveryNetwork, RefusesDataItIsNotMadeFor) {
  for (const Variant& variant : variants(static_cast<TypeParam*>(nullptr))) {
    if (supports(variant, plane())) continue;
    EXPECT_THAT(refusal([&] { make<TypeParam>(variant, plane()); }), HasSubstr("points of 2 numbers"));
  }
}

TYPED_TEST(EveryNetwork, CanBeBuiltWithItsDefaults) {
  for (const auto& row : Zoo<TypeParam>::table()) {
    Rng rng(1);
    EXPECT_FALSE(row.build(*row.options(), images(1, 28), rng)->parameters().empty()) << row.name;
  }
}

TYPED_TEST(EveryNetwork, ComputesInFloat64AsInFloat32) {
  for_every_network<TypeParam>([](const auto& build, const NetworkShape& shape) {
    const auto network = build();
    Rng rng(2);
    stir(*network, rng);
    network->track(false);  // else the second pass would see another power iteration
    const at::Tensor in = input_of(*network, shape, rng), y = labels(shape);
    const at::Tensor single = network->forward(in, y);
    Placement wide;
    wide.compute = at::kDouble;
    network->set_placement(wide);
    network->to_dtype(at::kDouble);
    const at::Tensor exact = network->forward(in.to(at::kDouble), y);
    EXPECT_EQ(exact.scalar_type(), at::kDouble);
    EXPECT_LT(relative_error(single.to(at::kDouble), exact), 1e-4);
  });
}

/// What building fails with.
template <class Network>
std::string build_refusal(const Variant& variant, const NetworkShape& shape) {
  return refusal([&] { make<Network>(variant, shape); });
}

TEST(Dcgan, HalvesTheImageOnceAStageRoundingUp) {
  const auto project_rows = [](const std::string& options, int64_t size) {
    const auto G = make<Generator>({"dcgan", options}, images(1, size));
    return find_tensor(G->parameters(), "project.weight", "dcgan").size(0);
  };
  EXPECT_EQ(project_rows("channels = [8, 4]", 28), 8 * 7 * 7);
  EXPECT_EQ(project_rows("channels = [8, 4, 4]", 28), 8 * 4 * 4);  // 28, 14, 7, 4
  EXPECT_EQ(project_rows("channels = [8, 4, 4]", 32), 8 * 4 * 4);
  EXPECT_EQ(project_rows("channels = [8, 4, 4, 4]", 64), 8 * 4 * 4);
  EXPECT_EQ(project_rows("channels = [8, 4, 4]\nfull_size_stage = true", 28), 8 * 7 * 7);
}

TEST(Dcgan, RefusesMoreStagesThanTheImageHas) {
  EXPECT_THAT(build_refusal<Generator>({"dcgan", "channels = [8, 8, 8, 8, 8]"}, images(1, 8)),
              HasSubstr("5 stages are too many for images of 8x8"));
  EXPECT_THAT(build_refusal<Discriminator>({"dcgan", "channels = []"}, images(1, 8)), HasSubstr("`channels`"));
}

// In use, a normalisation is part of the convolution before it, whoever moves its statistics and weights.
TEST(Dcgan, InUseComputesWhatItsLayersDoOneByOne) {
  for (const NetworkShape& shape : {images(1, 28), images(3, 32), images(1, 28, 3)})
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      Rng rng(1);
      const auto g = make<Generator>({"dcgan", "channels = [64, 48, 32]\ninit_std = 0"}, shape);
      g->set_placement({at::kCPU, type, at::MemoryFormat::ChannelsLast});
      const at::Tensor z = rng.normal({kBatch, 16});
      const at::Tensor y = shape.classes > 0 ? at::arange(kBatch, at::kLong) % shape.classes : at::Tensor();
      for (int round = 0; round < 2; ++round) {
        g->train(true), g->track(true);
        g->forward(3 * rng.normal({16, 16}), y.defined() ? y.repeat({4}) : y);  // moves the statistics
        g->train(false), g->track(false);
        without_grad([&] {
          for (const auto& [name, p] : g->parameters()) p.add_(rng.normal(p.sizes()) * p.abs().mean() / 4);
          return 0;
        });
        g->set_requires_grad(true);
        const at::Tensor apart = g->forward(z, y).detach();
        g->set_requires_grad(false);
        const at::Tensor point = z.clone().requires_grad_(), with_slope = g->forward(point, y);
        const at::Tensor in_use = without_grad([&] { return g->forward(z, y); });
        const double tolerance = type == at::kFloat ? 1e-5 : 0.03;
        EXPECT_GT(apart.std().item<double>(), 0.01);
        EXPECT_LT(relative_error(in_use, apart), tolerance);
        EXPECT_LT(relative_error(with_slope.detach(), apart), tolerance);
        EXPECT_GT(gradient(with_slope.square().sum(), point).norm().item<double>(), 0);
      }
    }
}

TEST(R3gan, RefusesSizesThatItsStagesDoNotHalve) {
  EXPECT_THAT(build_refusal<Generator>({"r3gan", "channels = [16, 16, 16, 16]"}, images(1, 28)),
              HasSubstr("4 stages need image sizes that 8 divides, the data are 28x28"));
  EXPECT_THAT(build_refusal<Discriminator>({"r3gan", "channels = [20]\ngroup_size = 16"}, images(1, 28)),
              HasSubstr("group_size 16 does not divide"));
}

TEST(R3gan, StartsAsIfItHadNoBlocks) {
  // The last convolution of every block is zero at first: x + 0.
  const auto D = make<Discriminator>({"r3gan", "channels = [16]\nblocks = 3"}, images(1, 8));
  const at::Tensor x = Rng(2).normal({4, 1, 8, 8});
  const at::Tensor before = D->forward(x, {});
  without_grad([&] {
    for (const auto& [name, tensor] : D->parameters())
      if (name.find("mix") != std::string::npos) tensor.mul_(7);
    return 0;
  });
  EXPECT_TRUE(at::equal(D->forward(x, {}), before));
}

// At the start of a fade the finer stage has no say; at its end the coarser has none.
TEST(Progressive, FadesFromTheCoarserStageToTheFiner) {
  const auto G = make<Generator>({"progressive", "channels = [6, 5, 4]"}, images(3, 16));
  const auto D = make<Discriminator>({"progressive", "channels = [4, 5, 6]"}, images(3, 16));
  Rng rng(2);
  const at::Tensor z = rng.normal({kBatch, 16}), x = rng.normal({kBatch, 3, 16, 16});
  const auto at_level = [&](double level) {
    dynamic_cast<Growing&>(*G).grow(level);
    dynamic_cast<Growing&>(*D).grow(level);
    return std::pair(G->forward(z, {}).detach(), D->forward(x, {}).detach());
  };
  const auto distance = [](const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); };
  for (const double stage : {0.0, 1.0}) {
    const auto [held, held_logits] = at_level(stage);
    const auto [begun, begun_logits] = at_level(stage + 1e-6);
    const auto [nearly, nearly_logits] = at_level(stage + 1 - 1e-6);
    const auto [done, done_logits] = at_level(stage + 1);
    EXPECT_LT(distance(held, begun), 1e-4);
    EXPECT_LT(distance(held_logits, begun_logits), 1e-4);
    EXPECT_LT(distance(nearly, done), 1e-4);
    EXPECT_LT(distance(nearly_logits, done_logits), 1e-4);
    EXPECT_GT(distance(held, done), 1e-3);
    const int64_t side = stage == 0 ? 4 : 2;  // pixels of the held stage
    const at::Tensor coarse = at::avg_pool2d(held, side);
    EXPECT_LT(distance(at::upsample_nearest2d(coarse, at::IntArrayRef{16, 16}), held), 1e-5);
    at_level(stage);
    EXPECT_LT(distance(G->as_fine(held), held), 1e-5);                            // it is as fine as that already
    EXPECT_LT(distance(D->forward(G->as_fine(x), {}), D->forward(x, {})), 1e-4);  // and D sees no more
  }
  at_level(2);
  EXPECT_TRUE(at::equal(G->as_fine(x), x));
}

TEST(Mlp, WithoutHiddenLayersIsALinearCritic) {
  const auto D = make<Discriminator>({"mlp", "widths = []"}, plane());
  const at::Tensor x = Rng(2).normal({3, 2}), logits = D->forward(x, {});
  EXPECT_LT((D->forward(2 * x, {}) - 2 * logits).abs().max().item<double>(), 1e-6);  // the bias starts at zero
}

TEST(Mlp, SeesDataFromItsOffsetInItsUnit) {
  const auto plain = make<Discriminator>({"mlp", "widths = [5]"}, plane());
  const auto D = make<Discriminator>({"mlp", "widths = [5]\noffset = -1\nscale = 2"}, plane());
  const at::Tensor x = Rng(2).normal({3, 2});
  const auto [logits, slope] = D->forward_with_gradient(x, {});
  const auto [expected, steeper] = plain->forward_with_gradient((x + 1) / 2, {});
  EXPECT_LT((logits - expected).abs().max().item<double>(), 1e-6);
  EXPECT_LT((slope - steeper / 2).abs().max().item<double>(), 1e-6);
  EXPECT_LT((D->features(x) - plain->features((x + 1) / 2)).abs().max().item<double>(), 1e-6);
}

TEST(Mlp, RepeatsItsInputToEveryHiddenLayer) {
  const auto D = make<Discriminator>({"mlp", "widths = [5, 4]\nrepeat_input = true"}, plane());
  std::map<std::string, at::Tensor> p;
  for (const auto& [name, tensor] : D->parameters()) p[name] = tensor;
  const at::Tensor x = Rng(2).normal({3, 2});
  const auto layer = [&](const std::string& name, const at::Tensor& h) {
    return at::linear(h, p.at(name + ".weight"), p.at(name + ".bias"));
  };
  const at::Tensor first = at::leaky_relu(layer("trunk.linear0", x), 0.2);
  const at::Tensor second = at::leaky_relu(layer("trunk.linear1", at::cat({first, x}, 1)), 0.2);
  EXPECT_LT((D->features(x) - second).abs().max().item<double>(), 1e-6);
  EXPECT_THAT(refusal([] {
                make<Discriminator>({"mlp", "repeat_input = true\nidentity_layers = 1"}, plane());
              }),
              HasSubstr("repeat_input"));
}

}  // namespace
}  // namespace obverse
