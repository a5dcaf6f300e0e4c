#include "obverse/games/explain.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>

#include "obverse/layers/trace.h"

namespace obverse {

double NetworkCost::flops() const {
  double sum = 0;
  for (const LayerCost& layer : layers) sum += layer.flops;
  return sum;
}

namespace {

Batch random_batch(const Domain& domain, int64_t n, Rng& rng) {
  std::vector<int64_t> shape = domain.shape;
  shape.insert(shape.begin(), n);
  const auto classes = static_cast<int64_t>(domain.classes.size());
  const at::Tensor y = classes > 0 ? at::arange(n, at::kLong) % classes : at::Tensor();
  return {domain.kind == Domain::Kind::image ? rng.uniform(shape) * 2 - 1 : rng.normal(shape), y};
}

// Each layer's first pass, by its weight.
std::vector<Trace::Pass> first_passes(Game& game, const Domain& domain, int64_t batch) {
  Rng rng(0), data(1);
  Round round([&] { return random_batch(domain, batch, data); }, rng);
  round.batch = batch;
  round.progress = 1;
  const Trace trace;
  for (const Phase& phase : game.phases()) game.loss(phase, round);
  std::vector<Trace::Pass> first;
  for (const Trace::Pass& pass : trace.passes())
    if (std::none_of(first.begin(), first.end(), [&](const Trace::Pass& p) { return p.weight.is_same(pass.weight); }))
      first.push_back(pass);
  return first;
}

// "trunk.conv0" of "trunk.conv0.weight".
std::string layer_of(const std::string& parameter) { return parameter.substr(0, parameter.rfind('.')); }

}  // namespace

std::vector<NetworkCost> network_costs(Game& game, const Domain& domain, int64_t batch) {
  const std::vector<Trace::Pass> passes = first_passes(game, domain, batch);
  std::map<std::string, std::string> owners;
  for (const Player& p : game.players())
    for (const auto& [name, module] : p.modules) owners[name] = p.name;
  std::vector<NetworkCost> result;
  for (const auto& [name, module] : game.modules()) {
    NetworkCost cost{name, owners.count(name) ? owners[name] : "nobody", {}, 0};
    const NamedTensors parameters = module->parameters();
    for (const auto& [key, tensor] : parameters) cost.parameters += tensor.numel();
    for (const Trace::Pass& pass : passes)
      for (const auto& [key, tensor] : parameters) {
        if (!tensor.is_same(pass.weight)) continue;
        LayerCost layer{layer_of(key),
                        {pass.output.begin() + 1, pass.output.end()},
                        0,
                        pass.flops / static_cast<double>(pass.output[0])};
        for (const auto& [other, own] : parameters)
          if (layer_of(other) == layer.name) layer.parameters += own.numel();
        cost.layers.push_back(std::move(layer));
      }
    result.push_back(std::move(cost));
  }
  return result;
}

}  // namespace obverse
