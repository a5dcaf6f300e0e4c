// Derivatives through whole networks: against finite differences in float64, and what penalties ask of them in
// bfloat16.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "obverse/core/autograd.h"
#include "obverse/core/table.h"
#include "obverse/models/networks.h"
#include "tests/finite_differences.h"
#include "tests/models/make_network.h"

namespace obverse {
namespace {

template <class Network>
std::shared_ptr<Network> make(const std::vector<NetworkRow<Network>>& table, const std::string& kind,
                              const std::string& text, const NetworkShape& shape, uint64_t seed = 1) {
  const auto network = testing::make_network(table, kind, text, shape, seed);
  Rng rng(seed, "stirring");
  without_grad([&] {  // all layers at work, zero-initialised ones too
    for (const auto& [name, tensor] : network->parameters()) tensor.add_(rng.normal(tensor.sizes()) * 0.1);
    return 0;
  });
  return network;
}

NetworkShape small_images(int64_t classes) { return {{Domain::Kind::image, {1, 8, 8}, 256, {}}, 3, classes}; }

template <class Network>
void compute_in(Network& network, at::ScalarType dtype) {
  Placement placement;
  placement.compute = dtype;
  network.set_placement(placement);
  if (dtype == at::kDouble) network.to_dtype(at::kDouble);
}

struct Case {
  const char *kind, *options;
};

/// A generator, with options that make its derivative smooth where it has an activation to choose.
class SmoothGenerator : public ::testing::TestWithParam<Case> {};

TEST_P(SmoothGenerator, HasTheDerivativeOfFiniteDifferencesInItsCode) {
  for (const int64_t classes : {0, 2}) {
    const auto G = make(generator_table(), GetParam().kind, GetParam().options, small_images(classes));
    compute_in(*G, at::kDouble);
    G->track(false);
    const at::Tensor y = classes > 0 ? at::tensor({0, 1}, at::kLong) : at::Tensor();
    const auto f = [&](const at::Tensor& z) { return G->forward(z, y).flatten().narrow(0, 30, 12); };
    expect_derivative(f, Rng(2).normal({2, 3}).to(at::kDouble), 1e-6);
  }
}

INSTANTIATE_TEST_SUITE_P(Zoo, SmoothGenerator,
                         ::testing::Values(Case{"mlp", "widths = [6, 5]\nactivation = 'tanh'"},
                                           Case{"dcgan", "channels = [4, 3]\nactivation = 'tanh'\ninit_std = 0"},
                                           Case{"dcgan",
                                                "channels = [4, 3]\nactivation = 'tanh'\nup = 'bilinear'\n"
                                                "full_size_stage = true\nbatch_norm = false"},
                                           Case{"r3gan", "channels = [4, 4]\ngroup_size = 2\nblocks = 1"},
                                           Case{"sngan", "channels = [4]"},
                                           Case{"stylegan2", "channels = [4, 3]\nw_dim = 4\nmapping_layers = 2"},
                                           Case{"sagan", "channels = [4, 8]\nattention_size = 4"}));

/// A discriminator, likewise.
class SmoothDiscriminator : public ::testing::TestWithParam<Case> {};

TEST_P(SmoothDiscriminator, HasTheDerivativesOfFiniteDifferencesInItsImageTwice) {
  for (const int64_t classes : {0, 2}) {
    const auto D = make(discriminator_table(), GetParam().kind, GetParam().options, small_images(classes));
    compute_in(*D, at::kDouble);
    D->track(false);
    const at::Tensor y = classes > 0 ? at::tensor({0, 1}, at::kLong) : at::Tensor();
    const at::Tensor image = Rng(3).normal({128}).to(at::kDouble);
    const auto f = [&](const at::Tensor& some) {  // the middle of both samples varies
      const at::Tensor x = at::cat({image.slice(0, 0, 60), some, image.slice(0, 72)});
      return D->forward(x.view({2, 1, 8, 8}), y).tanh();
    };
    const at::Tensor some = Rng(4).normal({12}).to(at::kDouble);
    expect_derivative(f, some, 1e-6);
    expect_second_derivative(f, some, 1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Zoo, SmoothDiscriminator,
    ::testing::Values(Case{"mlp", "widths = [6, 5]\nactivation = 'tanh'"},
                      Case{"mlp", "widths = [6]\nactivation = 'tanh'\nfrequencies = 3\nmax_frequency = 2\nscale = 2"},
                      Case{"mlp", "widths = [6, 5]\nactivation = 'tanh'\nrepeat_input = true"},
                      Case{"dcgan", "channels = [3, 4]\nactivation = 'tanh'\ninit_std = 0"},
                      Case{"dcgan",
                           "channels = [3, 4]\nactivation = 'tanh'\nbatch_norm = false\nspectral_norm = true\n"
                           "minibatch_std = true\nglobal_sum = true"},
                      Case{"r3gan", "channels = [4, 4]\ngroup_size = 2\nblocks = 1"},
                      Case{"mlp", "widths = [6]\nactivation = 'tanh'\nconditioning = 'concatenation'"},
                      Case{"mlp", "widths = [6]\nactivation = 'tanh'\nminibatch_kernels = 2\nminibatch_numbers = 3"},
                      Case{"sngan", "channels = [3, 4]\nhalvings = 2"},
                      Case{"stylegan2", "channels = [3, 4]\nminibatch_group = 2"},
                      Case{"sagan", "channels = [4, 8]\nattention_size = 4\nhalvings = 1"}));

/// The gradient of R1, mean ||grad D(x)||^2, with respect to all of D's parameters, as one vector.
at::Tensor slope_of_r1(Discriminator& D, const at::Tensor& images, const at::Tensor& y) {
  const at::Tensor x = images.detach().clone().requires_grad_(true);
  const at::Tensor penalty = gradient(D.forward(x, y), x, /*create_graph=*/true).flatten(1).square().sum(1).mean();
  std::vector<at::Tensor> inputs, flat;
  for (const auto& [name, parameter] : D.parameters()) inputs.push_back(parameter);
  for (const at::Tensor& slope : gradients(penalty, inputs)) flat.push_back(slope.flatten());
  return at::cat(flat);
}

class Discriminators : public ::testing::TestWithParam<Case> {};

TEST_P(Discriminators, TakeTheSecondDerivativeOfR1InBfloat16AsInFloat32) {
  for (const int64_t classes : {0, 3}) {
    const NetworkShape shape{{Domain::Kind::image, {1, 28, 28}, 256, {}}, 16, classes};
    const auto D = make(discriminator_table(), GetParam().kind, GetParam().options, shape);
    D->track(false);
    const at::Tensor x = Rng(2).normal({16, 1, 28, 28}).tanh();
    const at::Tensor y = classes > 0 ? at::arange(16, at::kLong) % classes : at::Tensor();
    const at::Tensor exact = slope_of_r1(*D, x, y);
    compute_in(*D, at::kBFloat16);
    const at::Tensor rounded = slope_of_r1(*D, x, y);
    EXPECT_TRUE(rounded.isfinite().all().item<bool>());
    EXPECT_GT(exact.norm().item<double>(), 0);
    // bfloat16 rounds to 0.4 %, through four passes over every layer.
    EXPECT_LT(((rounded - exact).norm() / exact.norm()).item<double>(), 0.08);
  }
}

INSTANTIATE_TEST_SUITE_P(Zoo, Discriminators,
                         ::testing::Values(Case{"mlp", "widths = [64, 64]"},
                                           Case{"dcgan", "channels = [16, 32]\nbatch_norm = false\ninit_std = 0"},
                                           Case{"dcgan", "channels = [16, 32]\ninit_std = 0"},
                                           Case{"dcgan",
                                                "channels = [32, 64]\nbatch_norm = false\nspectral_norm = true"},
                                           Case{"r3gan", "channels = [16, 16, 32]\nblocks = 1\ngroup_size = 8"},
                                           Case{"r3gan", "channels = [32, 64]\nblocks = 2"}));

/// What a relativistic loss with R1 and R2 takes from a discriminator: logits, their gradient, and a loss of both.
struct Taken {
  at::Tensor logits, slope, loss;
};
Taken take(Discriminator& D, const at::Tensor& x, const at::Tensor& y, bool at_once) {
  const at::Tensor point = x.detach().clone().requires_grad_(true);
  Taken t;
  if (at_once) {
    std::tie(t.logits, t.slope) = D.forward_with_gradient(point, y);
  } else {
    t.logits = D.forward(point, y);
    t.slope = gradient(t.logits, point, /*create_graph=*/true);
  }
  const auto half = t.logits.chunk(2);
  t.loss = at::softplus(half[1] - half[0]).mean() + at::softplus(t.logits).mean() +
           t.slope.flatten(1).square().sum(1).mean();
  return t;
}

std::vector<at::Tensor> weights_of(const Module& network) {
  std::vector<at::Tensor> result;
  for (const auto& [name, parameter] : network.parameters()) result.push_back(parameter);
  return result;
}

double relative_error(const at::Tensor& a, const at::Tensor& exact) {
  return ((a.to(at::kDouble) - exact).norm() / exact.norm()).item<double>();
}

TEST_P(Discriminators, GiveTheirGradientWithTheirLogitsAsOneAfterTheOther) {
  for (const int64_t classes : {0, 3}) {
    const NetworkShape shape{{Domain::Kind::image, {1, 12, 12}, 256, {}}, 16, classes};
    const auto D = make(discriminator_table(), GetParam().kind, GetParam().options, shape);
    D->track(false);
    compute_in(*D, at::kDouble);
    const at::Tensor x = Rng(2).normal({6, 1, 12, 12}).to(at::kDouble);
    const at::Tensor y = classes > 0 ? at::arange(6, at::kLong) % classes : at::Tensor();
    const Taken plain = take(*D, x, y, false), quick = take(*D, x, y, true);
    EXPECT_LT(relative_error(quick.logits, plain.logits), 1e-12);
    EXPECT_LT(relative_error(quick.slope, plain.slope), 1e-12);
    // First derivatives, and those of their squares: what consensus optimisation takes.
    const std::vector<at::Tensor> weights = weights_of(*D);
    const auto derivatives = [&](const Taken& t) {
      std::vector<at::Tensor> result = gradients(t.loss, weights, /*create_graph=*/true);
      at::Tensor squares = at::zeros({}, x.options());
      for (const at::Tensor& slope : result) squares = squares + slope.square().sum();
      for (const at::Tensor& slope : gradients(squares, weights)) result.push_back(slope);
      return result;
    };
    const auto a = derivatives(quick), b = derivatives(plain);
    for (size_t i = 0; i < a.size(); ++i) EXPECT_LT(relative_error(a[i], b[i]), 1e-9) << i;
  }
}

/// At sizes for which the matrix units are used where there are some, and few enough units that none lies so near its
/// bend that float32 takes the other side. In bfloat16 some do: a layer's cosine, .999 as a rule, is pooled over three
/// networks, so that one such unit does not decide.
TEST_P(Discriminators, HaveTheGradientsOfFloat64InEveryLayer) {
  const NetworkShape shape{{Domain::Kind::image, {3, 16, 16}, 256, {}}, 16, 0};
  const at::Tensor x = Rng(2).normal({8, 3, 16, 16}).tanh();
  std::vector<double> products, halves, exacts;  // of each layer's gradients
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const auto slopes = [&](at::ScalarType type) {
      const auto D = make(discriminator_table(), GetParam().kind, GetParam().options, shape, seed);
      D->track(false);
      compute_in(*D, type);
      return gradients(take(*D, x.to(type == at::kDouble ? type : at::kFloat), {}, true).loss, weights_of(*D));
    };
    const auto exact = slopes(at::kDouble), full = slopes(at::kFloat), half = slopes(at::kBFloat16);
    for (std::vector<double>* sums : {&products, &halves, &exacts}) sums->resize(exact.size());
    for (size_t i = 0; i < exact.size(); ++i) {
      EXPECT_LT(relative_error(full[i], exact[i]), 1e-5) << "seed " << seed << ", layer " << i;
      const at::Tensor a = half[i].to(at::kDouble).flatten(), b = exact[i].flatten();
      products[i] += a.dot(b).item<double>();
      halves[i] += a.dot(a).item<double>();
      exacts[i] += b.dot(b).item<double>();
    }
  }
  for (size_t i = 0; i < products.size(); ++i)
    EXPECT_GT(products[i] / std::sqrt(halves[i] * exacts[i]), 0.99) << "layer " << i;
}

}  // namespace
}  // namespace obverse
