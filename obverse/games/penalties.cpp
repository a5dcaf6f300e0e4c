#include "obverse/games/penalties.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "obverse/core/table.h"

namespace obverse {
namespace {

std::string number(const Schedule& s) {
  return s.constant() ? fmt::format("{:g}", s.from) : fmt::format("({:g} to {:g})", s.from, s.to);
}

// "R1" and its neighbours, as their rows say it after the paper's name.
std::string formula(const Penalty& penalty, const PenaltyOptions& o) {
  const size_t at = penalty.source.find(": ");
  const std::string paper = at == std::string::npos ? penalty.source : penalty.source.substr(at + 2);
  const char* letter = penalty.factor == 1 ? "lambda" : "gamma";
  const std::string every = o.interval > 1 ? fmt::format(", {} times that", o.interval) : "";
  return fmt::format("{}, {} = {}{}", paper, letter, number(o.weight), every);
}

}  // namespace

void PenaltyOptions::describe(Fields& f) {
  f("weight", weight, "gamma of R1 and R2, lambda of WGAN-GP and DRAGAN; 0: off", kNotNegative);
  f("interval", interval, "taken every so many rounds, as a step of its own, and that much stronger", {1, 1000});
}

Penalties::Penalties() : each_(penalty_table().size()) {}

void Penalties::describe(Fields& f) {
  for (size_t i = 0; i < each_.size(); ++i) f.table(penalty_table()[i].name, each_[i]);
}

const PenaltyOptions& Penalties::of(const std::string& name) const {
  return each_[static_cast<size_t>(&find_row(penalty_table(), "penalty", name) - penalty_table().data())];
}

double Penalties::strength(size_t i, double progress) const {
  return penalty_table()[i].factor * each_[i].weight.at(progress) * static_cast<double>(each_[i].interval);
}

bool Penalties::in(size_t i, const Phase& phase) const {
  if (each_[i].weight == Schedule(0.0)) return false;
  return phase.name == (each_[i].interval > 1 ? penalty_table()[i].name : "main");
}

std::vector<Phase> Penalties::phases() const {
  std::vector<Phase> result;
  for (size_t i = 0; i < each_.size(); ++i)
    if (const Phase own{"discriminator", penalty_table()[i].name, each_[i].interval}; in(i, own)) result.push_back(own);
  return result;
}

bool Penalties::needs_fake(const Phase& phase) const {
  for (size_t i = 0; i < each_.size(); ++i)
    if (in(i, phase) && penalty_table()[i].needs_fake) return true;
  return false;
}

// A penalty with a phase of its own is its only term: there it is added even at strength 0.
void Penalties::add(Terms& terms, const Phase& phase, Round& round, const at::Tensor& real, const at::Tensor& fake,
                    const std::function<at::Tensor(const at::Tensor& points)>& slope) const {
  for (size_t i = 0; i < each_.size(); ++i) {
    const double weight = strength(i, round.progress);
    if (!in(i, phase) || (weight == 0 && phase.name == "main")) continue;
    const Penalty& penalty = penalty_table()[i];
    terms.add(penalty.name, weight * penalty.value(slope(penalty.points(real, fake, round.rng()))).mean());
  }
}

std::vector<std::pair<std::string, std::string>> Penalties::formulas(const Phase& phase) const {
  std::vector<std::pair<std::string, std::string>> lines;
  for (size_t i = 0; i < each_.size(); ++i)
    if (in(i, phase)) lines.emplace_back(penalty_table()[i].name, formula(penalty_table()[i], each_[i]));
  return lines;
}

}  // namespace obverse
