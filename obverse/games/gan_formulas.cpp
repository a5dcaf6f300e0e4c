#include <fmt/format.h>

#include "obverse/games/gan.h"

namespace obverse {

using Formulas = std::vector<std::pair<std::string, std::string>>;

Formulas Gan::formulas(const Phase& phase) {
  const GanOptions& o = options_;
  if (phase.name == "path_length")
    return {{"path_length", fmt::format("{:g} E (|J^T y| - a)^2, J = dG/dw, y noise, a the moving mean of |J^T y|",
                                        o.path_length.weight * static_cast<double>(o.path_length.interval))}};
  if (phase.player == "discriminator" && phase.name != "main") return o.penalties.formulas(phase);
  const std::string classes = fmt::format("{:g} E -log C(y | ", o.class_weight);
  if (phase.player == "generator") {
    Formulas lines = {{"main", loss_.generator_formula}};
    if (discriminator_->classifies()) lines.emplace_back("classes", classes + "G(z))");
    return lines;
  }
  Formulas lines = {{"main", loss_.discriminator_formula}};
  if (o.label_smoothing > 0) lines.back().second += fmt::format(", labels of real samples {:g}", 1 - o.label_smoothing);
  if (o.drift > 0) lines.emplace_back("drift", fmt::format("{:g} E D(x)^2", o.drift));
  for (auto& line : o.penalties.formulas(phase)) lines.push_back(std::move(line));
  if (o.consistency_real > 0)
    lines.emplace_back("consistency_real", fmt::format("{:g} E (D(x) - D(T(x)))^2", o.consistency_real));
  if (o.consistency_fake > 0)
    lines.emplace_back("consistency_fake", fmt::format("{:g} E (D(G(z)) - D(T(G(z))))^2", o.consistency_fake));
  if (discriminator_->classifies()) lines.emplace_back("classes", classes + "x) + " + classes + "G(z))");
  return lines;
}

}  // namespace obverse
