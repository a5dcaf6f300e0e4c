#include "obverse/losses/f_divergences.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "obverse/core/autograd.h"
#include "obverse/losses/adversarial.h"
#include "tests/finite_differences.h"
#include "tests/row_name.h"

namespace obverse {
namespace {

class EveryDivergence : public ::testing::TestWithParam<DivergenceRow> {};

/// Two Gaussians on a line, P = N(0, 1) and Q = N(m, s^2), on a grid that both vanish at the ends of.
struct Line {
  at::Tensor x = at::linspace(-14, 14, 40001, at::kDouble);
  double step = 28.0 / 40000;
  at::Tensor log_p, log_q;
  Line(double m, double s) {
    log_p = -0.5 * x.square() - 0.5 * std::log(2 * M_PI);
    log_q = -0.5 * ((x - m) / s).square() - std::log(s) - 0.5 * std::log(2 * M_PI);
  }
  double integral(const at::Tensor& y) const { return (y.sum() * step).item<double>(); }  // both ends are 0
};

// E_Q[f(p / q)] by quadrature against E_P[T] - E_Q[f*(T)] at the optimal critic.
TEST_P(EveryDivergence, EqualsItsBoundAtTheOptimalCriticBetweenGaussians) {
  const DivergenceRow& d = GetParam();
  for (const auto& [m, s] : {std::pair(0.0, 1.0), std::pair(0.7, 1.2), std::pair(-1.0, 0.9)}) {
    const Line line(m, s);
    const at::Tensor p = line.log_p.exp(), q = line.log_q.exp(), ratio = line.log_p - line.log_q;
    const at::Tensor v = d.optimal(ratio);
    const double divergence = line.integral(q * d.f(ratio.exp()));
    const double bound = line.integral(p * d.output(v) - q * d.conjugate(v));
    EXPECT_NEAR(bound, divergence, 1e-6) << m << " " << s;
    if (m == 0) {
      EXPECT_NEAR(divergence, 0, 1e-9);
    } else {
      EXPECT_GT(divergence, 0.02);
      for (const double wrong : {-0.2, 0.2}) {  // any other critic stays below
        const at::Tensor off = v + wrong;
        EXPECT_LE(line.integral(p * d.output(off) - q * d.conjugate(off)), divergence + 1e-6);
      }
    }
  }
}

// f* is the conjugate of f: the supremum over u of t u - f(u), here by a fine grid.
TEST_P(EveryDivergence, HasTheConjugateOfItsFunction) {
  const DivergenceRow& d = GetParam();
  const at::Tensor u = at::linspace(-9, 5, 200001, at::kDouble).exp();
  for (const double logit : {-0.9, -0.2, 0.0, 0.3, 0.8}) {
    const at::Tensor v = at::full({1}, logit, at::kDouble), t = d.output(v);
    EXPECT_NEAR((t * u - d.f(u)).max().item<double>(), d.conjugate(v).item<double>(), 2e-4) << logit;
  }
}

TEST_P(EveryDivergence, IsTheLossOfItsName) {
  const DivergenceRow& d = GetParam();
  const at::Tensor real = at::tensor({0.4, -0.3}, at::kDouble), fake = at::tensor({-1.1, 0.6}, at::kDouble);
  for (const AdversarialLoss& loss : adversarial_table()) {
    if (loss.name != "f-gan-" + d.name) continue;
    EXPECT_TRUE(at::equal(loss.discriminator(real, fake), d.conjugate(fake) - d.output(real)));
    EXPECT_TRUE(at::equal(loss.generator(real, fake), -(d.name == "reverse-kl" ? d.conjugate : d.output)(fake)));
    return;
  }
  FAIL() << "no loss of this divergence";
}

TEST_P(EveryDivergence, HasTheDerivativesOfFiniteDifferencesTwice) {
  const DivergenceRow& d = GetParam();
  const at::Tensor v = at::tensor({-1.5, -0.2, 0.4, 1.9}, at::kDouble);
  for (const auto f : {d.output, d.conjugate}) {
    expect_derivative(f, v);
    expect_second_derivative([&](const at::Tensor& x) { return f(x) + 0.1 * x.square(); }, v);
  }
}

INSTANTIATE_TEST_SUITE_P(Table, EveryDivergence, ::testing::ValuesIn(divergence_table()), RowName());

// KL(N(0, 1) || N(m, s^2)) = log s + (1 + m^2) / (2 s^2) - 1/2, known in closed form.
TEST(Divergence, KlBetweenGaussiansIsTheClosedForm) {
  const Line line(0.7, 1.2);
  const at::Tensor v = divergence_table()[0].optimal(line.log_p - line.log_q);
  const double bound = line.integral(line.log_p.exp() * v - line.log_q.exp() * divergence_table()[0].conjugate(v));
  EXPECT_NEAR(bound, std::log(1.2) + (1 + 0.49) / (2 * 1.44) - 0.5, 1e-6);
}

}  // namespace

void PrintTo(const DivergenceRow& row, std::ostream* out) { *out << row.name; }

}  // namespace obverse
