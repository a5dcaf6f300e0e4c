#include "obverse/train/update_rules.h"

#include <ATen/ATen.h>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"

namespace obverse {

std::vector<Phase> due_phases(Game& game, int64_t round) {
  std::vector<Phase> due;
  for (const Phase& phase : game.phases())
    if (round % phase.interval == 0) due.push_back(phase);
  return due;
}

// Alternating play: each phase sees what the phases before it have learned.
static void play_plain(Game& game, const std::vector<Phase>& due, Round& round, Optimisers& optimisers,
                       const TrainOptions&, const StepReport& report) {
  for (const Phase& phase : due)
    for (int64_t i = 0; i < phase.repeats; ++i) {
      const std::vector<Terms> terms = game.gradients({phase}, round);
      report(phase, terms.front(), optimisers.at(phase.player).step(round.progress));
    }
}

// Main phases, which are played together, and lazy ones, which follow as plain steps.
static std::pair<std::vector<Phase>, std::vector<Phase>> split(const std::vector<Phase>& due) {
  std::vector<Phase> together, after;
  for (const Phase& phase : due) (phase.name == "main" ? together : after).push_back(phase);
  return {together, after};
}

// Every main phase's gradient exists before anyone steps. Games may share forward passes then.
static void play_simultaneous(Game& game, const std::vector<Phase>& due, Round& round, Optimisers& optimisers,
                              const TrainOptions& options, const StepReport& report) {
  const auto [together, after] = split(due);
  const std::vector<Terms> terms = game.gradients(together, round);
  for (size_t i = 0; i < together.size(); ++i)
    report(together[i], terms[i], optimisers.at(together[i].player).step(round.progress));
  play_plain(game, after, round, optimisers, options, report);
}

// Tensors as they stand, to go back to.
class Memory {
 public:
  void add(const NamedTensors& tensors) {
    for (const auto& [name, tensor] : tensors) kept_.emplace_back(tensor, tensor.detach().clone());
  }
  void restore() const {
    without_grad([&] {
      for (const auto& [tensor, value] : kept_) tensor.copy_(value);
      return 0;
    });
  }

 private:
  std::vector<std::pair<at::Tensor, at::Tensor>> kept_;
};

// Extragradient, Korpelevich 1976, with Adam as Gidel 2019, algorithm 4: all players look one step ahead together, then
// go back and step by the gradients that they found there, on the same draws. The look ahead leaves no other trace:
// running statistics and strengths move once a round.
static void play_extragradient(Game& game, const std::vector<Phase>& due, Round& round, Optimisers& optimisers,
                               const TrainOptions& options, const StepReport& report) {
  const auto [together, after] = split(due);
  Memory all, parameters;
  all.add(game.weights());
  all.add(game.state());
  for (const Phase& phase : together) parameters.add(optimisers.at(phase.player).parameters());
  round.record();
  game.gradients(together, round);
  all.restore();
  for (const Phase& phase : together) optimisers.at(phase.player).step(round.progress);
  round.replay();
  const std::vector<Terms> terms = game.gradients(together, round);
  parameters.restore();
  for (size_t i = 0; i < together.size(); ++i)
    report(together[i], terms[i], optimisers.at(together[i].player).step(round.progress));
  play_plain(game, after, round, optimisers, options, report);
}

// Those that learn: layers that are held do not.
static std::vector<at::Tensor> learning(const NamedTensors& named) {
  std::vector<at::Tensor> result;
  for (const auto& [name, tensor] : named)
    if (tensor.requires_grad()) result.push_back(tensor);
  return result;
}

// Consensus optimisation, Mescheder 2017, algorithm 2: every player follows its own gradient plus weight times the
// gradient of L = 1/2 ||v||^2, v the gradients of all players at once. Main phases are simultaneous.
static void play_consensus(Game& game, const std::vector<Phase>& due, Round& round, Optimisers& optimisers,
                           const TrainOptions& options, const StepReport& report) {
  const auto [together, after] = split(due);
  for (Player& p : game.players())
    for (auto& [name, module] : p.modules) module->set_requires_grad(true);

  std::vector<Terms> terms;
  std::vector<std::vector<at::Tensor>> fields;  // a player's gradient, differentiable
  std::vector<at::Tensor> everyone;
  at::Tensor energy = at::zeros({});
  for (const Phase& phase : together) {
    const std::vector<at::Tensor> own = learning(optimisers.at(phase.player).parameters());
    for (const auto& [name, module] : game.modules()) module->track(false);
    for (auto& [name, module] : game.player(phase.player).modules) module->track(true);
    terms.push_back(game.loss(phase, round));
    fields.push_back(gradients(terms.back().total(), own, /*create_graph=*/true));
    for (const at::Tensor& g : fields.back()) energy = energy + 0.5 * g.square().sum();
    everyone.insert(everyone.end(), own.begin(), own.end());
  }
  const std::vector<at::Tensor> pull = gradients(energy, everyone);
  size_t k = 0;
  for (const auto& field : fields)
    for (const at::Tensor& g : field) {
      everyone[k].mutable_grad() = g.detach() + options.consensus_weight * pull[k];
      ++k;
    }
  for (size_t i = 0; i < together.size(); ++i)
    report(together[i], terms[i], optimisers.at(together[i].player).step(round.progress));
  play_plain(game, after, round, optimisers, options, report);
}

static void check_rule(Game& game, const UpdateRule& rule) {
  for (const Phase& phase : game.phases())
    if (phase.repeats > 1 && rule.play != play_plain)
      fail("train.update: \"{}\" plays everyone once a round: use \"plain\", or critic_steps = 1", rule.name);
  if (rule.play == play_extragradient && game.players().size() < 2)
    fail("train.update: \"extragradient\" is for games, and this recipe has one player: use \"plain\"");
  if (rule.play == play_consensus && !game.intertwined())
    fail(
        "train.update: \"consensus\" needs losses that say how each player moves the other's gradient: here generated "
        "samples are cut off (pools, penalties on them or on pairs every round): use another rule, or leave these out");
}

Optimisers make_optimisers(Game& game, const UpdateRule& rule) {
  check_rule(game, rule);
  Optimisers result;
  for (Player& player : game.players())
    result.emplace(player.name, Adam(player.parameters(), player.optimiser, rule.optimistic));
  return result;
}

const std::vector<UpdateRule>& update_table() {
  static const std::vector<UpdateRule> table = {
      {"plain", "Goodfellow 2014, algorithm 1: players step in turn", play_plain},
      {"simultaneous", "Mescheder 2017, section 2: every gradient is taken before anyone steps", play_simultaneous},
      {"optimistic", "Daskalakis 2018, algorithm 1: simultaneous, each step twice Adam's less the one before",
       play_simultaneous, true},
      {"extragradient", "Gidel 2019, algorithm 4: steps by the gradients found one step ahead", play_extragradient},
      {"consensus", "Mescheder 2017, algorithm 2: plus the gradient of all gradients' squared norm", play_consensus},
  };
  return table;
}

}  // namespace obverse
