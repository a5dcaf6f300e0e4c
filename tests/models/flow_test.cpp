#include "obverse/models/flow.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <cmath>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/models/code_distribution.h"
#include "obverse/models/flow_layers.h"
#include "obverse/recipe/toml.h"
#include "tests/finite_differences.h"

namespace obverse {
namespace {

using testing::HasSubstr;

struct Variant {
  std::string kind, options;
  std::vector<int64_t> shape;
};

const std::vector<Variant>& variants() {
  static const std::vector<Variant> list = {
      {"realnvp", "couplings = 3\nwidth = 8", {3}},
      {"realnvp", "scales = 2\nwidth = 4\nblocks = 1", {1, 4, 4}},
      {"realnvp", "scales = 1\nwidth = 4\nblocks = 0", {3, 2, 4}},
      {"glow", "scales = 2\nsteps = 2\nwidth = 4", {1, 4, 4}},
      {"glow", "scales = 1\nsteps = 3\nwidth = 4\nblocks = 0", {2, 2, 2}},
      {"maf", "layers = 3\nwidths = [16]\nactivation = 'tanh'", {4}},
      {"maf", "layers = 2\nwidths = [20, 20]\nactivation = 'tanh'", {1, 2, 3}},
      {"iaf", "layers = 2\nwidths = [16]\nactivation = 'tanh'", {3}},
  };
  return list;
}

Domain domain_of(const std::vector<int64_t>& shape) {
  return {shape.size() == 3 ? Domain::Kind::image : Domain::Kind::points, shape, 256, {}};
}

// With every parameter away from its initial value, so that nothing is an identity.
std::shared_ptr<Transform> make(const Variant& v, double spread = 0.3) {
  const auto& row = find_row(flow_table(), "flow", v.kind);
  const std::shared_ptr<Options> options = row.options();
  read_options({v.options, "variant", {}}, *options);
  Rng rng(1);
  auto flow = row.build(*options, {domain_of(v.shape), 0, 0}, rng);
  without_grad([&] {
    for (const auto& [name, p] : flow->parameters()) p.add_(spread * rng.normal(p.sizes()));
    return 0;
  });
  flow->train(false);
  return flow;
}

at::Tensor samples(const Variant& v, int64_t n, uint64_t seed = 5) {
  std::vector<int64_t> shape = v.shape;
  shape.insert(shape.begin(), n);
  return Rng(seed).normal(shape);
}

class EveryFlow : public testing::TestWithParam<Variant> {};

TEST_P(EveryFlow, InverseAfterForwardIsTheIdentity) {
  const auto flow = make(GetParam(), 0.1);
  const at::Tensor x = samples(GetParam(), 50);
  const Flowed z = flow->forward(x);
  EXPECT_EQ(z.value.dim(), 2);
  EXPECT_EQ(z.log_det.sizes(), at::IntArrayRef({50}));
  EXPECT_LT((flow->inverse(z.value) - x).abs().max().item<double>(), 1e-5);
  EXPECT_LT((flow->forward(flow->inverse(z.value)).value - z.value).abs().max().item<double>(), 1e-5);
}

TEST_P(EveryFlow, LogDeterminantIsThatOfTheJacobianInFloat64) {
  const auto flow = make(GetParam());
  flow->to_dtype(at::kDouble);
  flow->set_placement({at::kCPU, at::kDouble});
  for (const uint64_t seed : {5, 6}) {
    const at::Tensor x = samples(GetParam(), 1, seed).to(at::kDouble);
    const at::Tensor jacobian = exact_jacobian([&](const at::Tensor& p) { return flow->forward(p).value; }, x);
    EXPECT_NEAR(flow->forward(x).log_det.item<double>(), std::get<1>(at::slogdet(jacobian)).item<double>(), 1e-9);
  }
}

TEST_P(EveryFlow, BothDirectionsCarryTheirDerivatives) {
  const auto flow = make(GetParam());
  flow->to_dtype(at::kDouble);
  flow->set_placement({at::kCPU, at::kDouble});
  const at::Tensor x = samples(GetParam(), 1).to(at::kDouble);
  const at::Tensor z = flow->forward(x).value.detach();
  const at::Tensor there = exact_jacobian([&](const at::Tensor& p) { return flow->forward(p).value; }, x);
  const at::Tensor back = exact_jacobian([&](const at::Tensor& p) { return flow->inverse(p); }, z);
  EXPECT_LT((at::matmul(there, back) - at::eye(z.numel(), at::kDouble)).abs().max().item<double>(), 1e-7);
}

std::string variant_name(const testing::TestParamInfo<Variant>& info) {
  return info.param.kind + std::to_string(info.index);
}
INSTANTIATE_TEST_SUITE_P(Table, EveryFlow, testing::ValuesIn(variants()), variant_name);

TEST(Flows, EveryRowIsTested) {
  for (const auto& row : flow_table())
    EXPECT_TRUE(std::any_of(variants().begin(), variants().end(), [&](const Variant& v) { return v.kind == row.name; }))
        << row.name;
}

// The density of each flow of the plane, summed over a fine grid.
TEST(Flows, DensitiesOfThePlaneIntegrateToOne) {
  for (const Variant& v : {Variant{"realnvp", "couplings = 4\nwidth = 8", {2}},
                           Variant{"maf", "layers = 2\nwidths = [16]\nactivation = 'tanh'", {2}},
                           Variant{"iaf", "layers = 2\nwidths = [16]\nactivation = 'tanh'", {2}}}) {
    const auto flow = make(v, 0.2);
    flow->to_dtype(at::kDouble);
    flow->set_placement({at::kCPU, at::kDouble});
    constexpr double kExtent = 15, kStep = 0.03;
    const at::Tensor line = at::arange(-kExtent, kExtent, kStep, at::kDouble);
    const Flowed z = without_grad([&] { return flow->forward(at::cartesian_prod({line, line})); });
    const at::Tensor density = (standard_normal_log_prob(z.value) + z.log_det).exp();
    EXPECT_NEAR(density.sum().item<double>() * kStep * kStep, 1, 2e-3) << v.kind;
  }
}

// Scale 2 and shift 3 of one channel out of two, over two positions: log_det = 2 (log 2 + 0).
TEST(Actnorm, OfOneSampleLearnsTheShiftAlone) {
  Actnorm norm(2);
  const at::Tensor x = at::tensor({3.f, -1.f}).view({1, 2});
  EXPECT_TRUE(at::allclose(norm.forward(x).value, at::zeros({1, 2})));
  EXPECT_TRUE(at::allclose(norm.inverse(at::ones({1, 2})), x + 1));
}

TEST(Actnorm, ItsFirstBatchInTrainingIsNormalised) {
  Actnorm norm(2);
  const at::Tensor x = Rng(1).normal({500, 2, 3}) * at::tensor({4.0, 0.1}).view({1, 2, 1}).to(at::kFloat) + 7;
  const at::Tensor y = norm.forward(x).value.transpose(0, 1).flatten(1);
  EXPECT_LT(y.mean(1).abs().max().item<double>(), 1e-4);
  EXPECT_LT((y.std(1) - 1).abs().max().item<double>(), 1e-4);
  const at::Tensor again = norm.forward(x + 1).value.mean();
  EXPECT_GT(again.item<double>(), 0.1);  // set once
}

TEST(ChannelMix, StartsAsARotation) {
  Rng rng(3);
  ChannelMix mix(6, rng);
  const at::Tensor x = rng.normal({4, 6, 5});
  const Flowed y = mix.forward(x);
  EXPECT_LT((y.value.square().sum(1) - x.square().sum(1)).abs().max().item<double>(), 1e-4);
  EXPECT_LT(y.log_det.abs().max().item<double>(), 1e-5);
}

TEST(Made, AnOutputSeesOnlyTheNumbersBeforeIt) {
  for (const bool reversed : {false, true}) {
    Rng rng(1);
    MadeOptions options;
    options.widths = {30, 30};
    options.activation = "tanh";
    Made made(6, 2, options, reversed, rng);
    without_grad([&] {
      for (const auto& [name, p] : made.parameters()) p.add_(0.5 * rng.normal(p.sizes()));
      return 0;
    });
    const at::Tensor jacobian =
        exact_jacobian([&](const at::Tensor& x) { return made.forward(x).select(1, 1); }, rng.normal({1, 6}));
    const at::Tensor allowed = reversed ? at::ones({6, 6}).triu(1) : at::ones({6, 6}).tril(-1);
    EXPECT_TRUE(at::equal(jacobian != 0, allowed != 0)) << jacobian;
  }
}

TEST(Flows, DataThatTheyCannotTakeAreRefused) {
  const auto message = [](const Variant& v) -> std::string {
    try {
      make(v);
    } catch (const UserError& e) {
      return e.what();
    }
    return "nothing was thrown";
  };
  EXPECT_THAT(message({"glow", "", {2}}), HasSubstr("glow works on images"));
  EXPECT_THAT(message({"glow", "scales = 3", {1, 28, 28}}), HasSubstr("lower `scales`"));
  EXPECT_THAT(message({"realnvp", "", {1}}), HasSubstr("two numbers"));
}

}  // namespace
}  // namespace obverse
