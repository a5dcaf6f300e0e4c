#include "obverse/infer/optimise.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <chrono>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/infer/search.h"
#include "obverse/metrics/features.h"

namespace obverse {

void OptimiseOptions::describe(Fields& f) {
  f("steps", steps, "gradient steps on each code; 0: the start as it is", {0, 1000000});
  f("restarts", restarts, "codes tried for each image", {1, 10000});
  f("pool", pool, "codes drawn from the prior, of which the nearest to an image are its starts", {1, 1000000});
  f("descent", descent, "how the loss is descended", names(descent_table()));
  f("curvature_every", curvature_every, "lbfgs: steps after which the curvature is measured anew; 0: never measured",
    kNotNegative);
  f("rough_steps", rough_steps, "lbfgs: first steps that decode in bfloat16 where that is fast, at most half of all",
    kNotNegative);
  f("lr", lr, "adam: first step size; falls to 0 by a cosine", kPositive);
  f("beta1", beta1, "adam: decay of the gradient's moving average", {0, 0.9999});
  f("beta2", beta2, "adam: decay of the squared gradient's moving average", {0, 0.999999});
  f("pixel_weight", pixel_weight, "of the squared error itself", kNotNegative);
  f("feature_weight", feature_weight, "of the distance in features", kNotNegative);
  f("feature_network", feature_network,
    "whose features: a TorchScript file, random, or a data set whose classifier's; empty: the discriminator's");
  f("prior_weight", prior_weight, "of the prior on codes; twice the variance of noise on the pixels", kNotNegative);
  f("clip", clip, "adam: numbers of a code beyond this are drawn afresh from the prior (Lipton 2017); 0: off",
    kNotNegative);
  f("sphere", sphere, "only codes as long as the prior's are: the root of how many numbers they have");
  f("tolerance", tolerance, "a loss that falls by less than this share of itself stands still", kShare);
  f("patience", patience,
    "steps of standing still after which lbfgs is done with a code and adam halves its step size; 0: none",
    kNotNegative);
  f("prune", prune, "give up the worse half of an image's codes after every tenth of the steps");
  f("batch", batch, "codes decoded at once", {1, 65536});
}

namespace {

constexpr int64_t kParts = 10;  // the steps are done in so many parts; between them candidates are given up
constexpr int64_t kStride = 4;  // steps after which `progress` is asked whether to go on

class Search {
 public:
  Search(LatentModel& model, const at::Tensor& x, const Starts& starts, const OptimiseOptions& options, Rng& rng)
      : model_(model),
        prior_(find_row(prior_table(), "prior", model.spaces().front().prior)),
        options_(options),
        rng_(rng),
        x_(x),
        candidates_(starts) {
    if (options.feature_weight > 0) {
      map_ = feature_map(model, options);
      if (!map_)
        fail("feature_weight: {} has no discriminator to take features of: name a network, or set it to 0", model.name);
      features_ = target_features();
    }
    if (prior_.bound > 0) candidates_.code = candidates_.code.clamp(-prior_.bound, prior_.bound);
    seconds_ = at::zeros({x.size(0)}, at::kDouble);
  }
  void run(const InferProgress& progress);
  Optimised best();

 private:
  at::Tensor target_features();
  void work(const at::Tensor& rows, int64_t begin, int64_t end);
  bool each_slice(const at::Tensor& rows, int64_t begin, int64_t end, const InferProgress& progress);
  void give_up_half();
  at::Tensor ranked();

  LatentModel& model_;
  const Prior& prior_;
  const OptimiseOptions& options_;
  Rng& rng_;
  FeatureMap map_;
  at::Tensor x_, features_, seconds_;  // [N, ...], [N, F] or undefined, [N]
  at::Tensor curvature_;               // Objective's
  Candidates candidates_;
};

at::Tensor Search::target_features() {
  std::vector<at::Tensor> parts;
  for (int64_t i = 0; i < x_.size(0); i += options_.batch)
    parts.push_back(without_grad([&] { return map_(x_.slice(0, i, i + options_.batch)); }));
  return at::cat(parts);
}

// Steps begin .. end - 1 of these candidates; begin == end only scores them.
void Search::work(const at::Tensor& rows, int64_t begin, int64_t end) {
  Candidates c = candidates_.pick(rows);
  const at::Tensor features = features_.defined() ? features_.index_select(0, c.image) : at::Tensor();
  const Objective objective{model_,   options_, rng_,         x_.index_select(0, c.image),
                            features, map_,     prior_.bound, curvature_};
  if (begin < end)
    find_row(descent_table(), "descent", options_.descent).descend(objective, c, begin, end);
  else
    c.remember(c.code, without_grad([&] { return objective.value(c.code, c.y); }), 0);
  candidates_.put(rows, c);
}

// Works through the rows in slices, keeping time. Returns whether to go on.
bool Search::each_slice(const at::Tensor& rows, int64_t begin, int64_t end, const InferProgress& progress) {
  for (int64_t i = 0; i < rows.size(0); i += options_.batch) {
    const auto start = std::chrono::steady_clock::now();
    const at::Tensor slice = rows.slice(0, i, i + options_.batch);
    work(slice, begin, end);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    seconds_.index_add_(0, candidates_.image.index_select(0, slice),
                        at::full({slice.size(0)}, spent.count() / static_cast<double>(slice.size(0)), at::kDouble));
    const double part = static_cast<double>(i + slice.size(0)) / static_cast<double>(rows.size(0));
    if (progress && begin < end && !progress((begin + part * (end - begin)) / options_.steps)) return false;
  }
  return true;
}

// Rows ordered by image, the better ones of an image first.
at::Tensor Search::ranked() {
  const at::Tensor by_loss = at::argsort(candidates_.best_loss);
  const at::Tensor image = candidates_.image.index_select(0, by_loss);
  return by_loss.index_select(0, std::get<1>(at::sort(image, /*stable=*/true, 0, false)));
}

void Search::give_up_half() {
  const at::Tensor order = ranked(), image = candidates_.image.index_select(0, order);
  const at::Tensor count = at::bincount(image, {}, x_.size(0));  // [N] candidates
  const at::Tensor rank = at::arange(order.size(0)) - (count.cumsum(0) - count).index_select(0, image);
  const at::Tensor kept = order.masked_select(rank < ((count + 1).div(2, "floor")).index_select(0, image));
  if (kept.size(0) < order.size(0)) candidates_ = candidates_.pick(kept);
}

void Search::run(const InferProgress& progress) {
  const int64_t part = std::max<int64_t>(1, options_.steps / kParts);
  for (int64_t step = 0; step < options_.steps; step += part) {
    const at::Tensor active = at::nonzero(candidates_.active).flatten();
    if (active.size(0) == 0) break;
    const int64_t end = std::min(options_.steps, step + part);
    bool going = true;
    for (int64_t i = step; i < end && going; i += kStride)
      going = each_slice(active, i, std::min(end, i + kStride), progress);
    if (!going) break;
    if (options_.prune) give_up_half();
  }
  each_slice(at::arange(candidates_.size()), options_.steps, options_.steps, {});
}

Optimised Search::best() {
  const at::Tensor order = ranked(), image = candidates_.image.index_select(0, order);
  const at::Tensor count = at::bincount(image, {}, x_.size(0));
  const Candidates c = candidates_.pick(order.index_select(0, count.cumsum(0) - count));
  const Objective objective{model_, options_, rng_, {}, {}, map_, prior_.bound, curvature_};
  return {objective.allowed(c.best), c.y, c.best_loss, c.steps, seconds_};
}

}  // namespace

FeatureMap feature_map(LatentModel& model, const OptimiseOptions& options) {
  if (!options.feature_network.empty()) {
    Dataset kind;  // of the model's samples, none of them
    kind.name = model.name;
    kind.domain = model.domain();
    const std::shared_ptr<FeatureNetwork> network = choose_features(options.feature_network, {}, kind);
    return [network](const at::Tensor& x) { return network->features(x); };
  }
  if (!model.has_features()) return {};
  return [&model](const at::Tensor& x) { return model.features(x); };
}

Optimised optimise(LatentModel& model, const at::Tensor& x, const Starts& starts, const OptimiseOptions& options,
                   Rng& rng, const InferProgress& progress) {
  if (options.pixel_weight == 0 && options.feature_weight == 0)
    fail("pixel_weight and feature_weight are 0: nothing tells one code from another");
  if (options.steps > 0 && !model.differentiable())
    fail("{}: what it decodes has no gradient to descend by: codes cannot be refined", model.name);
  if (options.sphere && model.spaces().front().prior != "normal")
    fail("sphere: codes of {} are not normal, they have no usual length", model.name);
  if (options.prior_weight > 0 && model.spaces().front().prior == "uniform")
    fail("prior_weight: all codes of {} are as likely, so there is nothing to weigh: set it to 0", model.name);
  if (options.clip > 0 && !find_row(descent_table(), "descent", options.descent).clips)
    fail("clip: is for descent adam; {} does not draw numbers afresh: set clip to 0", options.descent);
  Search search(model, x, starts, options, rng);
  search.run(progress);
  return search.best();
}

}  // namespace obverse
