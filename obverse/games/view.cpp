#include "obverse/games/view.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/layers/augment.h"

namespace obverse {

void describe_changes(Fields& f, const std::string& key, std::vector<std::string>& changes, const std::string& help) {
  const std::vector<std::string> known = names(augment_table());
  f(key, changes, help + ": " + fmt::format("{}", fmt::join(known, ", ")));
  for (const std::string& name : changes)
    if (std::find(known.begin(), known.end(), name) == known.end())
      f.problem(key, unknown_name("augmentation", name, known));
}

void ViewOptions::describe(Fields& f) {
  f("instance_noise", instance_noise, "standard deviation of noise on everything that D sees; 0: off", kNotNegative);
  describe_changes(f, "augment", augment, "random changes of everything that D sees");
  f("adaptive_target", adaptive_target,
    "adaptive augmentation: its strength keeps the mean sign of D on real images here (0.6); 0: off", kShare);
  f("adaptive_kimg", adaptive_kimg, "images in which its strength can go from 0 to 1, in thousands", kPositive);
  f("packing", packing, "samples that D judges together, with one logit", {1, 64});
}

bool ViewOptions::plain() const {
  return instance_noise.constant() && instance_noise.from == 0 && augment.empty() && adaptive_target == 0 &&
         packing == 1;
}

NetworkShape View::shape_behind(const ViewOptions& options, const NetworkShape& shape) {
  if (shape.domain.kind != Domain::Kind::image && (!options.augment.empty() || options.adaptive_target > 0))
    fail("game.{}: augmentation changes images, the data are points: leave it out",
         options.augment.empty() ? "adaptive_target" : "augment");
  if (options.packing > 1 && shape.classes > 0)
    fail("game.packing: a pack of {} samples has as many labels: set packing = 1, or conditional = false",
         options.packing);
  NetworkShape behind = shape;
  behind.domain.shape[0] *= options.packing;
  return behind;
}

View::View(const ViewOptions& options, std::shared_ptr<Discriminator> discriminator)
    : options_(options), discriminator_(std::move(discriminator)), state_(at::zeros({3}, at::kDouble)) {}

double View::strength() const { return state_.data_ptr<double>()[0]; }

void View::observe(double mean_sign, int64_t n) {
  constexpr double kBetween = 4;
  double* s = state_.data_ptr<double>();
  s[1] += mean_sign;
  if (options_.adaptive_target == 0 || ++s[2] < kBetween) return;
  const double change = kBetween * static_cast<double>(n) / (1000 * options_.adaptive_kimg);
  s[0] = std::clamp(s[0] + (s[1] / s[2] > options_.adaptive_target ? change : -change), 0.0, 1.0);
  s[1] = s[2] = 0;
}

at::Tensor View::seen(at::Tensor x) const {
  const double noise = options_.instance_noise.at(progress_);
  if (noise > 0) x = x + noise * rng_->normal(x.sizes()).to(x.scalar_type());
  return packed(adaptive_augment(augmented(std::move(x), options_.augment, *rng_), strength(), *rng_));
}

at::Tensor View::packed(const at::Tensor& x) const {
  if (options_.packing == 1) return x;
  if (x.size(0) % options_.packing != 0)
    fail("game.packing: a batch of {} is not made of packs of {}: change train.batch", x.size(0), options_.packing);
  std::vector<int64_t> sizes = x.sizes().vec();
  sizes[0] /= options_.packing;
  sizes[1] *= options_.packing;
  return x.contiguous().view(sizes);
}

std::pair<at::Tensor, at::Tensor> View::forward_with_gradient(const at::Tensor& x, const at::Tensor& y,
                                                              at::Tensor* features_out) {
  const auto [logits, slope] = Discriminator::forward_with_gradient(x, y, features_out);
  return {logits, packed(slope)};
}

}  // namespace obverse
