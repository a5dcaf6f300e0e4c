// The Dirac-GAN (Mescheder 2018, section 2): data are one point at 0, the generator's distribution is one point at
// theta, the discriminator is D(x) = psi x. Both players follow their gradients at once:
//   v(theta, psi) = (-dL_G/dtheta, -dL_D/dpsi),  real logit psi * 0 = 0,  fake logit t = psi theta.
// Write L_D = d(t) + const and L_G = g(t). Then v = (-g'(t) psi, -d'(t) theta), and at theta = psi = 0, where t = 0,
//   J = [[-g''(0) psi^2, -g'(0) - g''(0) t], [-d'(0) - d''(0) t, -d''(0) theta^2]] = [[0, -g'(0)], [-d'(0), 0]]:
// second derivatives enter only multiplied by psi or theta. A zero-centred penalty, gamma / 2 psi^2 wherever it is
// taken, puts -gamma at the lower right (R1 and R2 together -2 gamma). With -g'(0) = d'(0) = a the eigenvalues are
//   -gamma / 2 +- sqrt(gamma^2 / 4 - a^2).
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <complex>
#include <fstream>
#include <sstream>

#include "obverse/core/autograd.h"
#include "obverse/core/table.h"
#include "obverse/losses/adversarial.h"
#include "obverse/losses/penalties.h"

namespace obverse {
namespace {

using Complex = std::complex<double>;

/// The slopes of a loss at the equilibrium, worked out by hand. s(t) = 1 / (1 + e^-t), s(0) = 1/2; softplus' = s.
struct Slopes {
  std::string loss, why;
  double generator, discriminator;  // -g'(0), d'(0)
};
const std::vector<Slopes>& slopes_by_hand() {
  static const std::vector<Slopes> table = {
      // d = softplus(t), g = -softplus(t): both slopes s(0)
      {"minimax", "d = softplus(t), g = -softplus(t)", 0.5, 0.5},
      // d = softplus(t), g = softplus(-t): g' = -s(-t)
      {"non-saturating", "d = softplus(t), g = softplus(-t)", 0.5, 0.5},
      // d = t^2 / 2, d' = t = 0; g = (t - 1)^2 / 2, g' = t - 1 = -1: D has no slope to answer with
      {"least-squares", "d = t^2 / 2, g = (t - 1)^2 / 2", 1, 0},
      // d = max(0, 1 + t), g = -t
      {"hinge", "d = max(0, 1 + t), g = -t", 1, 1},
      {"wasserstein", "d = t, g = -t", 1, 1},
      // both halves see the difference: d = softplus(-(0 - t)) + softplus(t - 0), g the same of -t
      {"relativistic-average", "d = 2 softplus(t), g = 2 softplus(-t)", 1, 1},
      {"relativistic-pairing", "d = softplus(t), g = softplus(-t)", 0.5, 0.5},
      {"f-gan-kl", "d = exp(t - 1), g = -t", 1, std::exp(-1)},
      {"f-gan-reverse-kl", "d = t, g = -t", 1, 1},
      {"f-gan-jensen-shannon", "d = softplus(t), g = softplus(-t)", 0.5, 0.5},
      {"f-gan-pearson", "d = t^2 / 4 + t, g = -t", 1, 1},
      {"f-gan-squared-hellinger", "d = exp(t), g = exp(-t)", 1, 1},
      {"f-gan-total-variation", "d = tanh(t) / 2, g = -tanh(t) / 2", 0.5, 0.5},
  };
  return table;
}
/// Those on logits: a kernel's loss of features has slope zero where both are one point.
std::vector<AdversarialLoss> losses_on_logits() {
  std::vector<AdversarialLoss> result;
  for (const AdversarialLoss& loss : adversarial_table())
    if (!loss.witness) result.push_back(loss);
  return result;
}

const Slopes& slopes_of(const std::string& loss) {
  for (const Slopes& row : slopes_by_hand())
    if (row.loss == loss) return row;
  throw std::out_of_range("no slopes worked out for " + loss);
}

/// A loss with penalties on the discriminator, each of weight gamma (lambda).
struct Dirac {
  const AdversarialLoss& loss;
  std::vector<std::string> penalties;
  double gamma = 0;

  /// state: (theta, psi); returns v, differentiable again.
  at::Tensor field(const at::Tensor& state) const {
    const at::Tensor theta = state.narrow(0, 0, 1), psi = state.narrow(0, 1, 1);
    const at::Tensor x_real = at::zeros({1, 1}, at::kDouble), x_fake = theta.view({1, 1});
    const auto D = [&](const at::Tensor& x) { return (x * psi).squeeze(1); };
    const at::Tensor g = loss.generator(D(x_real), D(x_fake)).mean();
    const at::Tensor d = loss.discriminator(D(x_real), D(x_fake)).mean() + penalty(x_real, x_fake, D);
    return at::stack({-gradient(g, state, true)[0], -gradient(d, state, true)[1]});
  }
  template <class Critic>
  at::Tensor penalty(const at::Tensor& x_real, const at::Tensor& x_fake, const Critic& D) const {
    at::Tensor sum = at::zeros({}, at::kDouble);
    Rng rng(1);
    for (const std::string& name : penalties) {
      const Penalty& row = find_row(penalty_table(), "penalty", name);
      const at::Tensor x = row.points(x_real, x_fake, rng).detach().requires_grad_(true);
      sum = sum + row.factor * gamma * row.value(gradient(D(x), x, true)).mean();
    }
    return sum;
  }
  at::Tensor velocity(double theta, double psi) const {
    return field(at::tensor({theta, psi}, at::kDouble).requires_grad_(true)).detach();
  }
};

/// The Jacobian of v at the equilibrium by differentiating v: [2, 2].
at::Tensor exact_jacobian_at_zero(const Dirac& game) {
  const at::Tensor state = at::zeros({2}, at::kDouble).requires_grad_(true);
  const at::Tensor v = game.field(state);
  return at::stack({gradient(v[0], state, true), gradient(v[1], state, true)}).detach();
}

/// The same by central differences.
at::Tensor numeric_jacobian_at_zero(const Dirac& game, double h = 1e-5) {
  const at::Tensor along_theta = (game.velocity(h, 0) - game.velocity(-h, 0)) / (2 * h);
  const at::Tensor along_psi = (game.velocity(0, h) - game.velocity(0, -h)) / (2 * h);
  return at::stack({along_theta, along_psi}, 1);
}

/// The eigenvalue with the larger real part, or of two complex ones that with the positive imaginary part.
Complex leading_eigenvalue(const at::Tensor& jacobian) {
  const at::Tensor values = at::view_as_real(at::linalg_eigvals(jacobian));
  const Complex a(values[0][0].item<double>(), values[0][1].item<double>());
  const Complex b(values[1][0].item<double>(), values[1][1].item<double>());
  if (std::abs(a.real() - b.real()) > 1e-9) return a.real() > b.real() ? a : b;
  return a.imag() > b.imag() ? a : b;
}

/// damping: gamma times the number of zero-centred penalties; rate: sqrt(-g'(0) d'(0)).
Complex leading_by_theory(double damping, double rate) {
  return -damping / 2 + std::sqrt(Complex(damping * damping / 4 - rate * rate, 0));
}

struct PenaltySet {
  std::string title;
  std::vector<std::string> penalties;
};
const std::vector<PenaltySet>& zero_centred_sets() {
  static const std::vector<PenaltySet> sets = {{"none", {}}, {"R1", {"r1"}}, {"R2", {"r2"}}, {"R1 + R2", {"r1", "r2"}}};
  return sets;
}
double damping_of(const PenaltySet& set, double gamma) { return gamma * static_cast<double>(set.penalties.size()); }

TEST(DiracGan, HasTheEigenvaluesOfTheoryForEveryLossAndZeroCentredPenalty) {
  for (const AdversarialLoss& loss : losses_on_logits()) {
    const Slopes& slopes = slopes_of(loss.name);
    const double rate = std::sqrt(slopes.generator * slopes.discriminator);
    for (const PenaltySet& set : zero_centred_sets())
      for (const double gamma : {0.3, 1.5, 4.0}) {  // oscillating, and overdamped
        SCOPED_TRACE(fmt::format("{} with {}, gamma {}", loss.name, set.title, gamma));
        const Dirac game{loss, set.penalties, gamma};
        const Complex theory = leading_by_theory(damping_of(set, gamma), rate);
        const Complex measured = leading_eigenvalue(exact_jacobian_at_zero(game));
        EXPECT_NEAR(measured.real(), theory.real(), 1e-10);
        EXPECT_NEAR(std::abs(measured.imag()), std::abs(theory.imag()), 1e-10);
        const at::Tensor error = exact_jacobian_at_zero(game) - numeric_jacobian_at_zero(game);
        EXPECT_LT(error.abs().max().item<double>(), 1e-8);
      }
  }
}

TEST(DiracGan, ConservesTheDistanceInZeroSumGamesWithoutPenalty) {
  // g = -d: v . (theta, psi) = -g' psi theta - d' theta psi = 0, the flow runs in circles.
  for (const char* name : {"minimax", "hinge", "wasserstein"}) {
    const Dirac game{find_row(adversarial_table(), "loss", name), {}};
    for (const auto& [theta, psi] : std::vector<std::pair<double, double>>{{0.3, 0.4}, {-0.7, 0.2}, {0.5, -0.9}}) {
      const at::Tensor v = game.velocity(theta, psi);
      EXPECT_NEAR(v[0].item<double>() * theta + v[1].item<double>() * psi, 0, 1e-12) << name;
    }
  }
}

TEST(DiracGan, ShrinksTheDistanceOnlyBeyondFirstOrderWhenNotZeroSum) {
  // d = softplus(t), g = softplus(-t): v . (theta, psi) = t (s(-t) - s(t)) = -t tanh(t / 2), of fourth order in the
  // distance.
  for (const char* name : {"non-saturating", "relativistic-pairing"}) {
    const Dirac game{find_row(adversarial_table(), "loss", name), {}};
    const double theta = 0.6, psi = 0.5, t = theta * psi;
    const at::Tensor v = game.velocity(theta, psi);
    EXPECT_NEAR(v[0].item<double>() * theta + v[1].item<double>() * psi, -t * std::tanh(t / 2), 1e-12) << name;
  }
}

TEST(DiracGan, LetsLeastSquaresRestAtAnyGenerator) {
  // Labels 0 and 1 ask D for 1/2 at the data, but D(0) = 0 always. At psi = 0 both gradients vanish whatever theta is:
  // v = (psi (1 - t), -theta t). The equilibrium is a line, J is not invertible, linearisation decides nothing.
  for (const std::vector<std::string>& penalties : {std::vector<std::string>{}, {"r1"}, {"r1", "r2"}}) {
    const Dirac game{find_row(adversarial_table(), "loss", "least-squares"), penalties, 1};
    for (const double theta : {0.0, 0.5, -2.0})
      EXPECT_EQ(game.velocity(theta, 0).abs().max().item<double>(), 0) << "theta " << theta;
    EXPECT_NEAR(at::linalg_det(exact_jacobian_at_zero(game)).item<double>(), 0, 1e-12);
  }
}

TEST(DiracGan, IsPushedAwayFromEquilibriumByOneCentredPenalties) {
  // lambda (|psi| - 1)^2 has a corner at psi = 0: v_psi jumps from -2 lambda to 2 lambda there, so there is no
  // Jacobian, and D is driven to slope 1 however well the generator does.
  const double lambda = 1, h = 1e-7;
  for (const AdversarialLoss& loss : losses_on_logits())
    for (const char* penalty : {"wgan-gp", "dragan"}) {
      const Dirac game{loss, {penalty}, lambda};
      EXPECT_NEAR(game.velocity(0, h)[1].item<double>(), 2 * lambda, 1e-5) << loss.name << " " << penalty;
      EXPECT_NEAR(game.velocity(0, -h)[1].item<double>(), -2 * lambda, 1e-5) << loss.name << " " << penalty;
    }
}

/// The flow from (theta, psi) by the classical Runge-Kutta method; returns the states.
std::vector<std::pair<double, double>> flow(const Dirac& game, double theta, double psi, int steps, double h) {
  std::vector<std::pair<double, double>> path = {{theta, psi}};
  at::Tensor y = at::tensor({theta, psi}, at::kDouble);
  const auto f = [&](const at::Tensor& at) { return game.velocity(at[0].item<double>(), at[1].item<double>()); };
  for (int i = 0; i < steps; ++i) {
    const at::Tensor k1 = f(y), k2 = f(y + h / 2 * k1), k3 = f(y + h / 2 * k2), k4 = f(y + h * k3);
    y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
    path.emplace_back(y[0].item<double>(), y[1].item<double>());
  }
  return path;
}

double farthest(const std::vector<std::pair<double, double>>& path, size_t from) {
  double result = 0;
  for (size_t i = from; i < path.size(); ++i) result = std::max(result, std::hypot(path[i].first, path[i].second));
  return result;
}

TEST(DiracGan, ConvergesWithZeroCentredPenaltiesAndKeepsMovingWithTheOthers) {
  const AdversarialLoss& pairing = find_row(adversarial_table(), "loss", "relativistic-pairing");
  const int steps = 300;
  const double h = 0.1;
  const auto late = [&](const std::vector<std::string>& penalties) {
    return farthest(flow(Dirac{pairing, penalties, 0.5}, 0.5, 0.5, steps, h), steps / 2);
  };
  // Theory: the real part is -0.25 with R1 (and gamma 0.5), so that over 15 time units the distance falls to about
  // e^-3.75.
  EXPECT_LT(late({"r1"}), 0.05);
  EXPECT_LT(late({"r1", "r2"}), 0.05);
  EXPECT_GT(late({"wgan-gp"}), 0.5);
  EXPECT_GT(late({}), 0.5);
}

std::string number(Complex value) {
  const double real = std::abs(value.real()) < 5e-5 ? 0 : value.real(), imaginary = std::abs(value.imag());
  return imaginary < 5e-5 ? fmt::format("{:.4f}", real) : fmt::format("{:.4f} ± {:.4f}i", real, imaginary);
}

/// The measured table as it stands in docs/dirac.md.
std::string measured_table(double gamma) {
  std::string text = "| loss | d(t), g(t) | -g'(0), d'(0) |";
  for (const PenaltySet& set : zero_centred_sets()) text += " " + set.title + " |";
  text += "\n|---|---|---|---|---|---|---|\n";
  for (const AdversarialLoss& loss : losses_on_logits()) {
    const Slopes& slopes = slopes_of(loss.name);
    text += fmt::format("| {} | {} | {:.4g}, {:.4g} |", loss.name, slopes.why, slopes.generator, slopes.discriminator);
    for (const PenaltySet& set : zero_centred_sets())
      text += " " + number(leading_eigenvalue(exact_jacobian_at_zero({loss, set.penalties, gamma}))) + " |";
    text += "\n";
  }
  return text;
}

TEST(DiracGan, IsDocumentedAsMeasured) {
  std::ifstream file(OBVERSE_SOURCE_DIR "/docs/dirac.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string table = measured_table(0.6);
  EXPECT_NE(text.str().find(table), std::string::npos) << "docs/dirac.md should hold this table:\n" << table;
}

}  // namespace
}  // namespace obverse
