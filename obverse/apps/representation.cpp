#include "obverse/apps/representation.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "obverse/apps/maps.h"
#include "obverse/apps/slices.h"
#include "obverse/core/error.h"
#include "obverse/infer/probes.h"
#include "obverse/infer/untrained.h"

namespace obverse {
namespace {

// f of all of a data set's samples, in slices.
template <class F>
at::Tensor look(const Dataset& data, const F& f) {
  return by_slices(at::arange(data.size(), at::kLong), [&](const at::Tensor& rows) { return f(data.get(rows)); });
}

Share share_right(const at::Tensor& found, const at::Tensor& wanted) {
  return proportion((found == wanted).sum().item<int64_t>(), wanted.size(0));
}

// `count` rows, as many of each class that there is as of the next: drawn anew for each rng.
at::Tensor balanced_rows(const at::Tensor& labels, int64_t count, Rng& rng) {
  std::vector<at::Tensor> rows;
  const at::Tensor present = labels.bincount().nonzero().squeeze(1);
  const int64_t classes = present.size(0);
  for (int64_t k = 0; k < classes; ++k) {
    const at::Tensor own = (labels == present[k]).nonzero().squeeze(1);
    const int64_t each = count / classes + (k < count % classes);
    rows.push_back(own.index_select(0, rng.permutation(own.size(0)).slice(0, 0, each)));
  }
  return at::cat(rows);
}

}  // namespace

std::vector<Representation> plain_representations(const Dataset& train, const Dataset& test, int64_t components) {
  const auto flat = [](const Dataset& data) { return look(data, [](const Batch& b) { return b.x.flatten(1); }); };
  const at::Tensor a = flat(train), b = flat(test);
  const Principal principal = principal_components(a, components);
  return {{train.domain.kind == Domain::Kind::image ? "pixels" : "the numbers themselves", a, b},
          {"principal components", principal.project(a), principal.project(b)}};
}

std::vector<Representation> model_representations(const LoadedModel& loaded, const std::string& label,
                                                  const Dataset& train, const Dataset& test, uint64_t seed) {
  LatentModel& model = *loaded.model;
  if (!model.can_encode()) fail("{}: has no encoder to probe: train one for it (game.kind = \"encoder\")", model.name);
  if (model.classes() > 0)
    fail("{}: its encoder is told the class: labels read off its codes would say nothing; probe an unconditional model",
         model.name);
  if (train.domain.kind != loaded.domain.kind || train.domain.shape != loaded.domain.shape)
    fail("{}: {}, {} is of {}: use data of that kind", train.name, train.domain.text(), model.name,
         loaded.domain.text());
  std::vector<Representation> all;
  const auto add = [&](const std::string& name, const auto& view) {
    all.push_back({name + " of " + label, look(train, view), look(test, view)});
  };
  const auto add_encoder = [&](const std::string& prefix, LatentModel& m) {
    add(prefix + "codes", [&](const Batch& b) { return m.encode(b.x, {}).flatten(1); });
    if (m.has_encoder_features())
      add(prefix + "hidden features", [&](const Batch& b) { return m.encoder_features(b.x).flatten(1); });
  };
  add_encoder("", model);
  if (loaded.recipe.game.kind == "encoder" || loaded.recipe.game.kind == "joint-regressor")
    add("discriminator's features", [&](const Batch& b) { return model.features(b.x).flatten(1); });
  const auto fresh = untrained_game(loaded, train, seed);
  add_encoder("untrained ", *fresh->model());
  return all;
}

ProbeResult probe(const Representation& r, const at::Tensor& train_labels, const at::Tensor& test_labels,
                  int64_t classes, const ProbeOptions& options) {
  ProbeResult result;
  result.name = r.name;
  result.width = r.train.size(1);
  result.nearest = share_right(nearest_labels(r.train, train_labels, r.test), test_labels);
  result.neighbours =
      share_right(neighbour_labels(r.train, train_labels, classes, r.test, options.neighbours), test_labels);
  result.linear = share_right(linear_probe_labels(r.train, train_labels, classes, r.test), test_labels);
  const at::Tensor counts = train_labels.bincount({}, classes), held = counts.masked_select(counts > 0);
  const int64_t least = held.min().item<int64_t>(), present = held.size(0);
  for (const int64_t count : options.few) {
    if ((count + present - 1) / present > least) continue;
    Rng rng(options.seed, "few labels");
    std::vector<double> accuracy;
    for (int64_t i = 0; i < options.draws; ++i) {
      const at::Tensor rows = balanced_rows(train_labels, count, rng);
      const at::Tensor found =
          linear_probe_labels(r.train.index_select(0, rows), train_labels.index_select(0, rows), classes, r.test);
      accuracy.push_back(share_right(found, test_labels).value);
    }
    const at::Tensor a = at::tensor(accuracy, at::kDouble);
    result.few.push_back({count, a.mean().item<double>(), a.size(0) > 1 ? a.std().item<double>() : std::nan("")});
  }
  return result;
}

}  // namespace obverse
