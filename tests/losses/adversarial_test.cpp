#include "obverse/losses/adversarial.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "obverse/core/autograd.h"
#include "obverse/core/table.h"
#include "tests/finite_differences.h"
#include "tests/row_name.h"

namespace obverse {
namespace {

at::Tensor logits(std::vector<double> values) { return at::tensor(values, at::kDouble); }

struct Expected {
  std::vector<double> discriminator, generator;
};

// Four logits: D(x) = (1, -2) on real samples, D(G(z)) = (0, 3) on generated ones. softplus(t) = log(1 + e^t):
//   softplus(0) = log 2 = 0.693147   softplus(1) = 1.313262   softplus(-1) = 0.313262   softplus(2) = 2.126928
//   softplus(3) = 3.048587           softplus(-3) = 0.048587  softplus(5) = 5.006715    softplus(-5) = 0.006715
//   softplus(0.5) = 0.974077         softplus(-0.5) = 0.474077
//   softplus(3.5) = 3.529750         softplus(-3.5) = 0.029750
const std::map<std::string, Expected>& by_hand() {
  static const std::map<std::string, Expected> table = {
      // softplus(-real) + softplus(fake): 0.313262 + 0.693147, 2.126928 + 3.048587; G: -softplus(fake)
      {"minimax", {{1.006409, 5.175515}, {-0.693147, -3.048587}}},
      // the same; G: softplus(-fake)
      {"non-saturating", {{1.006409, 5.175515}, {0.693147, 0.048587}}},
      // (real - 1)^2 / 2 + fake^2 / 2: 0 + 0, 4.5 + 4.5; G: (fake - 1)^2 / 2
      {"least-squares", {{0, 9}, {0.5, 2}}},
      // max(0, 1 - real) + max(0, 1 + fake): 0 + 1, 3 + 4; G: -fake
      {"hinge", {{1, 7}, {0, -3}}},
      // fake - real; G: -fake
      {"wasserstein", {{-1, 5}, {0, -3}}},
      // means: real -0.5, fake 1.5; real - 1.5 = (-0.5, -3.5), fake + 0.5 = (0.5, 3.5)
      // D: twice softplus(0.5), twice softplus(3.5); G: twice softplus(-0.5), twice softplus(-3.5)
      {"relativistic-average", {{1.948154, 7.059500}, {0.948154, 0.059500}}},
      // real - fake = (1, -5); D: softplus(-1), softplus(5); G: softplus(1), softplus(-5)
      {"relativistic-pairing", {{0.313262, 5.006715}, {1.313262, 0.006715}}},
      // k(d^2) = sum of (1 + d^2 / (2 a))^-a: k(1) = 3.413065, k(4) = 1.835525, k(9) = 1.164953, k(25) = 0.727078.
      // With a batch of two a share is k(real pair) + k(fake pair) less half of four cross terms:
      // 2 k(9) - k(1) - k(4), 2 k(9) - k(4) - k(25); D wants it large
      {"mmd", {{2.918684, 0.232697}, {-2.918684, -0.232697}}},
      // exp(fake - 1) - real: e^-1 - 1, e^2 + 2; G: -fake
      {"f-gan-kl", {{-0.632121, 9.389056}, {0, -3}}},
      // fake - 1 + exp(-real): -1 + e^-1, 2 + e^2; G: 1 - fake
      {"f-gan-reverse-kl", {{-0.632121, 9.389056}, {1, -2}}},
      // non-saturating less 2 log 2; G: less log 2
      {"f-gan-jensen-shannon", {{-0.379885, 3.789221}, {0, -0.644560}}},
      // fake^2 / 4 + fake - real: -1, 2.25 + 3 + 2; G: -fake
      {"f-gan-pearson", {{-1, 7.25}, {0, -3}}},
      // exp(fake) - 1 - 1 + exp(-real): -1 + e^-1, e^3 - 2 + e^2; G: exp(-fake) - 1
      {"f-gan-squared-hellinger", {{-0.632121, 25.474593}, {0, -0.950213}}},
      // (tanh(fake) - tanh(real)) / 2: -0.761594 / 2, (0.995055 + 0.964028) / 2; G: -tanh(fake) / 2
      {"f-gan-total-variation", {{-0.380797, 0.979541}, {0, -0.497527}}},
  };
  return table;
}

class EveryLoss : public ::testing::TestWithParam<AdversarialLoss> {};

TEST_P(EveryLoss, AgreesWithNumbersWorkedOutByHand) {
  const AdversarialLoss& loss = GetParam();
  ASSERT_TRUE(by_hand().count(loss.name)) << "no numbers for " << loss.name;
  const Expected& expected = by_hand().at(loss.name);
  const at::Tensor real = logits({1, -2}), fake = logits({0, 3});
  const at::Tensor d = loss.discriminator(real, fake), g = loss.generator(real, fake);
  for (int i = 0; i < 2; ++i) {
    EXPECT_NEAR(d[i].item<double>(), expected.discriminator[i], 2e-6);
    EXPECT_NEAR(g[i].item<double>(), expected.generator[i], 2e-6);
  }
}

TEST_P(EveryLoss, GivesOneFiniteValueASampleEvenForHugeLogits) {
  for (const double scale : {1.0, 1e4}) {
    const at::Tensor real = at::tensor({1.0F, -2.0F, 0.5F}) * scale, fake = at::tensor({0.0F, 3.0F, -1.0F}) * scale;
    for (const at::Tensor& value : {GetParam().discriminator(real, fake), GetParam().generator(real, fake)}) {
      EXPECT_EQ(value.sizes(), at::IntArrayRef({3}));
      EXPECT_EQ(value.scalar_type(), at::kFloat);
      EXPECT_TRUE(value.isfinite().all().item<bool>());
    }
  }
}

TEST_P(EveryLoss, TeachesTheDiscriminatorToRaiseRealAndLowerFakeAndTheGeneratorToRaiseFake) {
  if (GetParam().witness) return;  // features have no up or down
  // Between the labels 0 and 1 of least squares, inside the hinge's margin: every loss is at work.
  const at::Tensor real = logits({0.2, 0.7, 0.4}).requires_grad_(true);
  const at::Tensor fake = logits({0.3, 0.6, 0.9}).requires_grad_(true);
  const auto d = gradients(GetParam().discriminator(real, fake), {real, fake});
  EXPECT_TRUE((d[0] < 0).all().item<bool>());
  EXPECT_TRUE((d[1] > 0).all().item<bool>());
  EXPECT_TRUE((gradient(GetParam().generator(real, fake), fake) < 0).all().item<bool>());
}

TEST_P(EveryLoss, HasTheDerivativeOfFiniteDifferences) {
  const at::Tensor both = logits({0.2, 0.7, -0.4, 0.35, 0.6, -0.9});  // away from the hinge's corners
  const auto d = [](const at::Tensor& x) { return GetParam().discriminator(x.narrow(0, 0, 3), x.narrow(0, 3, 3)); };
  const auto g = [](const at::Tensor& x) { return GetParam().generator(x.narrow(0, 0, 3), x.narrow(0, 3, 3)); };
  expect_derivative(d, both);
  expect_derivative(g, both);
}

TEST_P(EveryLoss, SaysWhetherTheGeneratorReadsRealLogitsAndWhetherSamplesInteract) {
  const AdversarialLoss& loss = GetParam();
  const at::Tensor real = logits({0.2, 0.7}).requires_grad_(true), fake = logits({0.3, 0.6}).requires_grad_(true);
  const bool reads_real = gradient(loss.generator(real, fake), real).abs().max().item<double>() > 0;
  EXPECT_EQ(reads_real, loss.generator_needs_real);
  const bool interact = gradient(loss.discriminator(real, fake)[0], fake)[1].item<double>() != 0;
  EXPECT_EQ(interact, loss.batch_statistic);
}

TEST(AdversarialTable, NamesEachLossOnceAndItsSource) {
  std::set<std::string> seen;
  for (const AdversarialLoss& loss : adversarial_table()) {
    EXPECT_TRUE(seen.insert(loss.name).second) << loss.name;
    EXPECT_FALSE(loss.source.empty()) << loss.name;
  }
}

// A label of 0.9 in place of 1, at logit 1: 0.9 * 0.313262 + 0.1 * 1.313262 = 0.413262, 0.1 more than before; squares:
// (1 - 0.9)^2 / 2 = 0.005.
TEST(Smoothing, IsWhatALabelBelowOneAddsToTheRealLoss) {
  const auto gain = [](const char* name) {
    return find_row(adversarial_table(), "loss", name).smoothing(logits({1}), 0.1).item<double>();
  };
  EXPECT_NEAR(gain("minimax"), 0.1, 1e-12);
  EXPECT_NEAR(gain("non-saturating"), 0.1, 1e-12);
  EXPECT_NEAR(gain("least-squares"), 0.005, 1e-12);
  EXPECT_EQ(find_row(adversarial_table(), "loss", "wasserstein").smoothing, nullptr);
}

TEST(Minimax, SaturatesWhereNonSaturatingDoesNot) {
  const at::Tensor fake = logits({-10}).requires_grad_(true);  // D is sure that it is generated
  const auto slope = [&](const char* name) {
    return gradient(find_row(adversarial_table(), "loss", name).generator({}, fake), fake).item<double>();
  };
  EXPECT_NEAR(slope("minimax"), 0, 5e-5);
  EXPECT_NEAR(slope("non-saturating"), -1, 5e-5);
}

// Roles swapped: (x, E(x)) is judged as generated. With logits 1, -2 of pairs (x, E(x)) and 0, 3 of pairs (G(z), z):
//   non-saturating: softplus(-fake) + softplus(real) = 0.693147 + 1.313262, 0.048587 + 0.126928
//   least squares:  (fake - 1)^2 / 2 + real^2 / 2 = 0.5 + 0.5, 2 + 2
//   relativistic pairing reads both already: softplus(real - fake) = softplus(1), softplus(-5)
TEST(PairGeneratorLoss, JudgesEachKindOfPairAsTheOther) {
  const std::map<std::string, std::vector<double>> expected = {{"non-saturating", {2.006409, 0.175515}},
                                                               {"least-squares", {1, 4}},
                                                               {"wasserstein", {1, -5}},
                                                               {"relativistic-pairing", {1.313262, 0.006715}}};
  for (const auto& [name, values] : expected) {
    const at::Tensor loss =
        pair_generator_loss(find_row(adversarial_table(), "loss", name), logits({1, -2}), logits({0, 3}));
    for (int i = 0; i < 2; ++i) EXPECT_NEAR(loss[i].item<double>(), values[i], 2e-6) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Table, EveryLoss, ::testing::ValuesIn(adversarial_table()), RowName());

}  // namespace

// How GoogleTest prints a row.
void PrintTo(const AdversarialLoss& loss, std::ostream* out) { *out << loss.name; }

}  // namespace obverse
