#include "obverse/games/game.h"

#include <ATen/ATen.h>

#include "obverse/core/error.h"

namespace obverse {

NamedTensors Player::parameters() const {
  NamedTensors result;
  for (const auto& [prefix, module] : modules)
    for (auto& entry : module->parameters(prefix + ".")) result.push_back(std::move(entry));
  return result;
}

Batch Round::next_batch() {
  if (!recording_) return next_();
  if (position_ == batches_.size()) batches_.push_back(next_());
  return batches_[position_++];
}

void Round::record() {
  recording_ = true;
  batches_.clear();
  position_ = 0;
  rng_state_ = rng_.state();
}

void Round::replay() {
  position_ = 0;
  rng_.set_state(rng_state_);
}

std::vector<Terms> Game::gradients(const std::vector<Phase>& phases, Round& round) {
  std::vector<Terms> result;
  for (const Phase& phase : phases) {
    for (Player& p : players())
      for (auto& [name, module] : p.modules) {
        module->set_requires_grad(p.name == phase.player);
        module->track(p.name == phase.player && phase.name == "main");
      }
    result.push_back(loss(phase, round));
    result.back().total().backward();
  }
  return result;
}

std::vector<std::pair<std::string, std::shared_ptr<Module>>> Game::modules() {
  std::vector<std::pair<std::string, std::shared_ptr<Module>>> result;
  for (Player& p : players()) result.insert(result.end(), p.modules.begin(), p.modules.end());
  for (auto& entry : fixed_modules()) result.push_back(entry);
  return result;
}

NamedTensors Game::weights() {
  NamedTensors result;
  for (const auto& [name, module] : modules())
    for (auto& entry : module->state(name + ".")) result.push_back(std::move(entry));
  return result;
}

Player& Game::player(const std::string& name) {
  for (Player& p : players())
    if (p.name == name) return p;
  throw std::logic_error("no player " + name);
}

std::shared_ptr<Module> Game::module(const std::string& name) {
  for (const auto& [key, module] : modules())
    if (key == name) return module;
  throw std::logic_error("no module " + name);
}

}  // namespace obverse
