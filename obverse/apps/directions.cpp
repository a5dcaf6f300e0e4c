#include "obverse/apps/directions.h"

#include <ATen/ATen.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_solve.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "obverse/apps/edit.h"
#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/infer/code_space.h"
#include "obverse/infer/latent_file.h"
#include "obverse/io/npz.h"
#include "obverse/losses/reconstruction.h"

namespace obverse {
namespace {

constexpr int64_t kDraws = 2000;  // of the prior, for spreads and principal components
constexpr int64_t kSlice = 256;

at::Tensor labels_in_turn(const LatentModel& model, int64_t n) {
  return model.classes() > 0 ? at::arange(n, at::kLong).remainder(model.classes()) : at::Tensor();
}

// Of the labels in turn.
at::Tensor draw_flat(LatentModel& model, int64_t n, Rng& rng) {
  return draw_codes(model, n, labels_in_turn(model, n), rng).flatten(1);
}

at::Tensor shaped(const LatentModel& model, const at::Tensor& flat) {
  std::vector<int64_t> sizes = model.spaces().front().shape;
  sizes.insert(sizes.begin(), flat.size(0));
  return flat.view(sizes);
}

// Directions of length 1, and the prior's spread along each. ways: [K, D] of any length.
Directions finish(LatentModel& model, std::string kind, std::vector<std::string> names, const at::Tensor& ways,
                  Rng& rng) {
  Directions d{std::move(kind), std::move(names), {}, {}};
  d.ways = (ways / ways.norm(2, 1, true).clamp_min(1e-30)).to(at::kFloat).contiguous();
  d.spread = draw_flat(model, kDraws, rng).mm(d.ways.t()).std(0);
  return d;
}

std::vector<std::string> numbered(const char* stem, int64_t count) {
  std::vector<std::string> names;
  for (int64_t i = 0; i < count; ++i) names.push_back(fmt::format("{}{}", stem, i));
  return names;
}

// One direction a class, by `way` of its codes against the others'.
template <class Way>
Directions each_class(const DirectionContext& c, const char* kind, Way way) {
  std::vector<at::Tensor> ways;
  std::vector<std::string> names;
  for (size_t k = 0; k < c.labelled.classes.size(); ++k) {
    const at::Tensor in = c.labelled.label == static_cast<int64_t>(k);
    const auto members = in.sum().item<int64_t>();
    if (members < 2 || members > in.size(0) - 2) continue;  // nothing to tell it by
    ways.push_back(way(c.labelled.code, in));
    names.push_back(c.labelled.classes[k]);
  }
  if (ways.empty()) fail("{}: all its codes are of one class: there is no direction to tell it by", c.model.name);
  return finish(c.model, kind, names, at::stack(ways), c.rng);
}

at::Tensor rows(const at::Tensor& x, const at::Tensor& which) { return x.index_select(0, which.nonzero().squeeze(1)); }

Directions find_means(const DirectionContext& c) {
  return each_class(c, "mean", [](const at::Tensor& code, const at::Tensor& in) {
    return rows(code, in).mean(0) - rows(code, in.logical_not()).mean(0);
  });
}

Directions find_svm(const DirectionContext& c) {
  return each_class(c, "svm", [](const at::Tensor& code, const at::Tensor& in) {
    return svm_normal(code.to(at::kDouble), in.to(at::kDouble) * 2 - 1).to(at::kFloat);
  });
}

// The `count` rows of largest eigenvalue of a symmetric matrix: [count, D].
at::Tensor leading(const at::Tensor& matrix, int64_t count) {
  const auto [values, vectors] = at::linalg_eigh(matrix);  // ascending
  return vectors.t().flip({0}).slice(0, 0, count).contiguous();
}

Directions find_sefa(const DirectionContext& c) {
  if (c.model.has_styles())
    fail("sefa: codes of {} are mapped to w first, whose directions they are: use --space w", c.model.name);
  const std::vector<at::Tensor> weights = c.model.code_weights();
  if (weights.empty())
    fail("sefa: {} has no matrix that meets its codes first: use pca, or directions from labels", c.model.name);
  const int64_t d = draw_flat(c.model, 1, c.rng).size(1);
  at::Tensor gram = at::zeros({d, d}, at::kDouble);
  for (const at::Tensor& weight : weights) {
    const at::Tensor a = weight.slice(1, 0, d).to(at::kDouble);
    gram += a.t().mm(a);
  }
  const int64_t count = std::min(c.count, d);
  return finish(c.model, "sefa", numbered("sefa", count), leading(gram, count), c.rng);
}

// The codes are regressed on the components of what they decode to; of codes w, whose own components say it, on these.
Directions find_pca(const DirectionContext& c) {
  const at::Tensor z = draw_flat(c.model, kDraws, c.rng).to(at::kDouble), y = labels_in_turn(c.model, kDraws);
  at::Tensor seen = decode_all(c.model, shaped(c.model, z.to(at::kFloat)), y).flatten(1).to(at::kDouble);
  if (y.defined())  // what the class alone decides is not the codes'
    for (int64_t k = 0; k < c.model.classes(); ++k) {
      const at::Tensor members = (y == k).nonzero().squeeze(1), part = seen.index_select(0, members);
      seen.index_copy_(0, members, part - part.mean(0));
    }
  seen = seen - seen.mean(0);
  const int64_t count = std::min({c.count, z.size(1), kDraws});
  const at::Tensor along = leading(seen.mm(seen.t()), count);  // [count, N] unit: each draw's place
  const at::Tensor ways = along.mm(z - z.mean(0));             // least squares: the places are orthonormal
  return finish(c.model, "pca", numbered("pca", count), ways, c.rng);
}

}  // namespace

const std::vector<DirectionRow>& direction_table() {
  static const std::vector<DirectionRow> table = {
      {"mean", "difference of a class's mean code and the others': Larsen 2016, Radford 2016", true, find_means},
      {"svm", "normal of the boundary of a linear support vector machine: Shen 2020 (InterFaceGAN)", true, find_svm},
      {"sefa", "eigenvectors of A^T A, A the weights that codes meet first: Shen 2021 (SeFa)", false, find_sefa},
      {"pca", "codes regressed on the principal components of what they decode to: Harkonen 2020 (GANSpace)", false,
       find_pca},
  };
  return table;
}

at::Tensor svm_normal(const at::Tensor& x, const at::Tensor& y, double c) {
  const int64_t n = x.size(0), d = x.size(1);
  const at::Tensor inputs = at::cat({x, at::ones({n, 1}, x.options())}, 1);  // the last number is the bias
  at::Tensor penalty = at::ones({d + 1}, x.options());
  penalty[d] = 1e-6;  // hardly any on the bias: enough for a solution to exist
  at::Tensor w = at::zeros({d + 1}, x.options()), active;
  const auto objective = [&](const at::Tensor& v) {
    const at::Tensor slack = (1 - y * inputs.mv(v)).clamp_min(0);
    return (penalty * v.square()).sum().item<double>() / 2 + c * slack.square().sum().item<double>();
  };
  double share = 1;  // of Newton's step: whole ones alone may go round in circles
  for (int step = 0; step < 100; ++step) {
    const at::Tensor inside = (1 - y * inputs.mv(w)) > 0;
    if (active.defined() && share == 1 && inside.equal(active)) break;  // the same quadratic: this is its minimum
    active = inside;
    const at::Tensor part = rows(inputs, active), target = rows(y.unsqueeze(1), active).squeeze(1);
    const at::Tensor hessian = 2 * c * part.t().mm(part) + at::diag(penalty);
    const at::Tensor way = at::linalg_solve(hessian, 2 * c * part.t().mv(target)) - w;
    const double most = objective(w) * (1 + 1e-12);  // what rounding may add
    for (share = 1; share > 1e-9 && objective(w + share * way) > most;) share /= 2;
    w = w + share * way;
  }
  return w.slice(0, 0, d);
}

LabelledCodes label_codes(LatentModel& model, const Dataset& data, FeatureNetwork& judge, int64_t n, Rng& rng) {
  if (model.classes() > 0)
    fail("{}: is conditional, its codes do not say the class: use sefa or pca, or `edit apply --to-class`", model.name);
  LabelledCodes found;
  found.classes = data.domain.classes;
  if (model.can_encode() && data.labels.defined()) {
    const Batch batch = data.draw(std::min(n, data.size()), rng);
    std::vector<at::Tensor> codes;
    for (int64_t i = 0; i < batch.x.size(0); i += kSlice)
      codes.push_back(without_grad([&] { return model.encode(batch.x.slice(0, i, i + kSlice), {}).flatten(1); }));
    found.code = at::cat(codes), found.label = batch.y;
    return found;
  }
  if (judge.classes() == 0)
    fail("{}: no labels and no classifier of its data: directions from labels need one", data.name);
  found.code = draw_flat(model, n, rng);
  const at::Tensor x = decode_all(model, shaped(model, found.code), {});
  found.label = judge.logits(features_of(judge, x)).select(1, 0).argmax(1);
  return found;
}

Directions user_direction(LatentModel& model, const std::string& name, const at::Tensor& from, const at::Tensor& to,
                          Rng& rng) {
  const at::Tensor way = to.flatten(1).mean(0) - from.flatten(1).mean(0);
  if (way.norm().item<double>() < 1e-12) fail("{}: both sets of codes have the same mean: there is no way", name);
  return finish(model, "user", {name}, way.unsqueeze(0), rng);
}

at::Tensor move(const Directions& d, int64_t k, const at::Tensor& code, double strength) {
  return code + (strength * d.spread[k] * d.ways[k]).view(code.sizes().slice(1));
}

Effect measure_effect(LatentModel& model, const Directions& d, int64_t k, double strength, FeatureNetwork& judge,
                      const std::vector<std::string>& classes, int64_t n, Rng& rng) {
  const at::Tensor code = shaped(model, draw_flat(model, n, rng)), y = labels_in_turn(model, n);
  const at::Tensor before = decode_all(model, code, y),
                   after = decode_all(model, within_prior(model, move(d, k, code, strength)), y);
  Effect effect;
  if (before.dim() == 4 && std::min(before.size(2), before.size(3)) >= 11)
    effect.kept = structural_similarity(before, after).mean().item<double>();
  if (judge.classes() == 0) return effect;
  const auto shares = [&](const at::Tensor& x) {
    return judge.logits(features_of(judge, x)).select(1, 0).softmax(1).to(at::kDouble);
  };
  const at::Tensor change = shares(after) - shares(before), mean = change.mean(0);
  const auto named = std::find(classes.begin(), classes.end(), d.names[static_cast<size_t>(k)]);
  const int64_t target = named != classes.end() ? named - classes.begin() : mean.argmax().item<int64_t>();
  effect.target = classes.at(static_cast<size_t>(target));
  effect.gain = mean[target].item<double>();
  effect.others = (change.abs().mean(0).sum() - change.abs().mean(0)[target]).item<double>() /
                  std::max<double>(1, static_cast<double>(change.size(1) - 1));
  return effect;
}

void write_directions(const std::string& path, const LatentModel& model, const Directions& d) {
  write_npz(path, {{"ways", d.ways},
                   {"spread", d.spread},
                   {"kind", text_array(d.kind)},
                   {"names", text_array(fmt::format("{}", fmt::join(d.names, "\n")))},
                   {"space", text_array(model.spaces().front().name)},
                   {"model_hash", text_array(model.hash)}});
}

Directions read_directions(const std::string& path, const LatentModel& model) {
  const NamedTensors arrays = read_npz(path);
  const auto text = [&](const char* name) { return text_of(find_tensor(arrays, name, path)); };
  check_model_hash(text("model_hash"), model, path);
  if (const std::string space = text("space"), here = model.spaces().front().name; space != here)
    fail("{}: its directions are of {}, wanted are some of {}: use --space {}", path, space, here, space);
  Directions d{text("kind"), {}, find_tensor(arrays, "ways", path), find_tensor(arrays, "spread", path)};
  const std::string names = text("names");
  for (size_t start = 0; start <= names.size();) {
    const size_t end = std::min(names.find('\n', start), names.size());
    d.names.push_back(names.substr(start, end - start));
    start = end + 1;
  }
  const int64_t numbers = c10::multiply_integers(model.spaces().front().shape);
  if (d.ways.dim() != 2 || d.ways.scalar_type() != at::kFloat || d.ways.size(1) != numbers ||
      d.ways.size(0) != static_cast<int64_t>(d.names.size()) || d.spread.numel() != d.ways.size(0) ||
      d.spread.scalar_type() != at::kFloat || !at::isfinite(d.ways).all().item<bool>() ||
      !at::isfinite(d.spread).all().item<bool>())
    fail("{}: not directions of codes of {} numbers: name a file that `obverse edit find` wrote", path, numbers);
  return d;
}

int64_t find_direction(const Directions& d, const std::string& wanted) {
  const auto named = std::find(d.names.begin(), d.names.end(), wanted);
  if (named != d.names.end()) return named - d.names.begin();
  int64_t index = -1;
  const auto parsed = std::from_chars(wanted.data(), wanted.data() + wanted.size(), index);
  if (parsed.ec == std::errc() && parsed.ptr == wanted.data() + wanted.size() && index >= 0 &&
      index < static_cast<int64_t>(d.names.size()))
    return index;
  throw UserError(unknown_name("direction", wanted, d.names));
}

}  // namespace obverse
