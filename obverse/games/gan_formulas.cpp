#include <fmt/format.h>

#include "obverse/games/gan.h"

namespace obverse {

using Formulas = std::vector<std::pair<std::string, std::string>>;

static std::string number(const Schedule& s) {
  return s.constant() ? fmt::format("{:g}", s.from) : fmt::format("({:g} to {:g})", s.from, s.to);
}

// "R1" and its neighbours, as their rows say it after the paper's name.
static std::string penalty_formula(const Penalty& penalty, const PenaltyOptions& o) {
  const size_t at = penalty.source.find(": ");
  const std::string paper = at == std::string::npos ? penalty.source : penalty.source.substr(at + 2);
  const char* letter = penalty.factor == 1 ? "lambda" : "gamma";
  const std::string every = o.interval > 1 ? fmt::format(", {} times that", o.interval) : "";
  return fmt::format("{}, {} = {}{}", paper, letter, number(o.weight), every);
}

Formulas Gan::formulas(const Phase& phase) {
  const GanOptions& o = options_;
  if (phase.name == "path_length")
    return {{"path_length", fmt::format("{:g} E (|J^T y| - a)^2, J = dG/dw, y noise, a the moving mean of |J^T y|",
                                        o.path_length.weight * static_cast<double>(o.path_length.interval))}};
  for (size_t i = 0; i < o.penalties.size(); ++i)
    if (phase.name == penalty_table()[i].name)
      return {{phase.name, penalty_formula(penalty_table()[i], o.penalties[i])}};
  const std::string classes = fmt::format("{:g} E -log C(y | ", o.class_weight);
  if (phase.player == "generator") {
    Formulas lines = {{"main", loss_.generator_formula}};
    if (discriminator_->classifies()) lines.emplace_back("classes", classes + "G(z))");
    return lines;
  }
  Formulas lines = {{"main", loss_.discriminator_formula}};
  if (o.label_smoothing > 0) lines.back().second += fmt::format(", labels of real samples {:g}", 1 - o.label_smoothing);
  if (o.drift > 0) lines.emplace_back("drift", fmt::format("{:g} E D(x)^2", o.drift));
  for (size_t i = 0; i < o.penalties.size(); ++i)
    if (o.penalties[i].interval == 1 && !(o.penalties[i].weight.constant() && o.penalties[i].weight.from == 0))
      lines.emplace_back(penalty_table()[i].name, penalty_formula(penalty_table()[i], o.penalties[i]));
  if (o.consistency_real > 0)
    lines.emplace_back("consistency_real", fmt::format("{:g} E (D(x) - D(T(x)))^2", o.consistency_real));
  if (o.consistency_fake > 0)
    lines.emplace_back("consistency_fake", fmt::format("{:g} E (D(G(z)) - D(T(G(z))))^2", o.consistency_fake));
  if (discriminator_->classifies()) lines.emplace_back("classes", classes + "x) + " + classes + "G(z))");
  return lines;
}

}  // namespace obverse
