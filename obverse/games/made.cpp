#include "obverse/games/made.h"

#include <ATen/ATen.h>

#include <cmath>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/games/binarise.h"
#include "obverse/games/player_table.h"
#include "obverse/losses/likelihoods.h"

namespace obverse {

MadeGameOptions::MadeGameOptions() { optimiser.beta1 = 0.9; }

void MadeGameOptions::describe(Fields& f) {
  f.table("game", [&] {
    f("binarise", binarise, "draw pixels on or off with the probability of their brightness; else those above half");
  });
  describe_player(f, "network", network, optimiser);
}

namespace {

int64_t pixels_of(const Domain& domain) { return domain.shape[0] * domain.shape[1] * domain.shape[2]; }

const LikelihoodRow& bernoulli() { return find_row(likelihood_table(), "likelihood", "bernoulli"); }

at::Tensor on_or_off(const at::Tensor& x, bool draw, Rng& rng) {
  return (draw ? binarised(x, rng) : at::where(x > 0, at::ones({}, x.options()), -at::ones({}, x.options())))
      .flatten(1);
}

}  // namespace

std::vector<LatentSpace> MadeModel::spaces() const { return {{"z", {pixels_of(domain_)}}}; }

at::Tensor MadeModel::probabilities(const at::Tensor& pixels) {
  return made_->forward(pixels).select(1, 0).to(at::kDouble).sigmoid();
}

at::Tensor MadeModel::decode(const at::Tensor& code, const at::Tensor&) {
  const at::Tensor share = 0.5 * (1 + at::erf(code.to(at::kDouble) * M_SQRT1_2));  // [N, D]
  at::Tensor x = at::full_like(code, -1);
  for (int64_t i = 0; i < x.size(1); ++i)
    x.select(1, i).copy_(2 * (share.select(1, i) < probabilities(x).select(1, i)).to(x.scalar_type()) - 1);
  std::vector<int64_t> shape = domain_.shape;
  shape.insert(shape.begin(), -1);
  return x.view(shape);
}

at::Tensor MadeModel::encode(const at::Tensor& x, const at::Tensor&) {
  Rng unused(0);
  const at::Tensor pixels = on_or_off(x, false, unused), p = probabilities(pixels);
  const at::Tensor share = at::where(pixels > 0, 0.5 * p, 0.5 * (1 + p));
  return (at::erfinv(2 * share - 1) * M_SQRT2).clamp(-8, 8).to(x.scalar_type());
}

at::Tensor MadeModel::log_prob(const at::Tensor& x, const at::Tensor&, int64_t, Rng& rng) {
  return without_grad([&] {
    const at::Tensor pixels = on_or_off(x, binarise_, rng);
    return bernoulli().log_prob(pixels, made_->forward(pixels).select(1, 0), {}, 2);
  });
}

MadeGame::MadeGame(const MadeGameOptions& options, const Domain& domain, uint64_t seed)
    : domain_(domain), binarise_(options.binarise) {
  if (domain.kind != Domain::Kind::image)
    fail("game.kind: made is for images, the data are points: use kind = \"flow\" with [flow] kind = \"maf\"");
  Rng rng(seed, "made");
  made_ = std::make_shared<Made>(pixels_of(domain), 1, options.network, false, rng);
  players_ = {{"generator", {{"made", made_}}, options.optimiser}};
}

Terms MadeGame::loss(const Phase&, Round& round) {
  const at::Tensor pixels = on_or_off(round.next_batch().x, binarise_, round.rng());  // [N, D]
  const at::Tensor log_prob = bernoulli().log_prob(pixels, made_->forward(pixels).select(1, 0), {}, 2).mean();
  Terms terms;
  terms.watch("log_prob", mean_of(log_prob.detach()));  // nats a sample
  terms.add("nats", -log_prob / static_cast<double>(pixels.size(1)));
  return terms;
}

}  // namespace obverse
