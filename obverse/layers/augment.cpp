#include "obverse/layers/augment.h"

#include <ATen/ATen.h>

#include <cmath>

#include "obverse/core/table.h"
#include "obverse/layers/warp.h"

namespace obverse {

using at::Tensor;

namespace {

/// One random number an image, [N, 1, 1, 1] and of x's type: uniform in [0, 1).
Tensor one_an_image(const Tensor& x, Rng& rng) { return rng.uniform({x.size(0), 1, 1, 1}).to(x.scalar_type()); }

// Brightness up to +-0.5, saturation 0 to 2, contrast 0.5 to 1.5, in this order.
Tensor colour(const Tensor& x, Rng& rng) {
  Tensor y = x + (one_an_image(x, rng) - 0.5);
  const Tensor grey = y.mean(1, /*keepdim=*/true);
  y = (y - grey) * (2 * one_an_image(x, rng)) + grey;
  const Tensor mean = y.mean({1, 2, 3}, /*keepdim=*/true);
  return (y - mean) * (one_an_image(x, rng) + 0.5) + mean;
}

/// [N, 2, 3]: the identity, moved by (x, y) [N].
Tensor shifts(const Tensor& x, const Tensor& y) {
  const Tensor maps = at::eye(2, 3, at::kDouble).repeat({x.size(0), 1, 1});
  maps.select(2, 2).copy_(at::stack({x, y}, 1));
  return maps;
}

// By whole pixels, up to an eighth of the side.
Tensor translated(const Tensor& x, Rng& rng, Border border) {
  const auto step = [&](int64_t side) {
    const int64_t most = std::lround(0.125 * static_cast<double>(side));
    return (rng.integers(2 * most + 1, {x.size(0)}) - most).to(at::kDouble);
  };
  const Tensor dx = step(x.size(3)), dy = step(x.size(2));
  return warp(x, shifts(dx, dy), border);
}

Tensor translation(const Tensor& x, Rng& rng) { return translated(x, rng, Border::zero); }
Tensor shift(const Tensor& x, Rng& rng) { return translated(x, rng, Border::mirror); }

// A rectangle of half the side, anywhere, is 0.
Tensor cutout(const Tensor& x, Rng& rng) {
  const auto hidden = [&](int64_t side) {  // [N, side]
    const int64_t size = (side + 1) / 2;
    const Tensor middle = rng.integers(side + 1 - size % 2, {x.size(0), 1});
    const Tensor place = at::arange(side, at::kLong).unsqueeze(0) - middle + size / 2;
    return (place >= 0).logical_and(place < size);
  };
  const Tensor rows = hidden(x.size(2)).unsqueeze(2), columns = hidden(x.size(3)).unsqueeze(1);
  return x * rows.logical_and(columns).logical_not().unsqueeze(1).to(x.scalar_type());
}

Tensor flip(const Tensor& x, Rng& rng) { return at::where(one_an_image(x, rng) < 0.5, x.flip(3), x); }

/// Random numbers of N images in float64, and the choice by chance p between them and what changes nothing.
struct Chances {
  int64_t n;
  double p;
  Rng& rng;
  Tensor uniform() { return rng.uniform({n}).to(at::kDouble); }
  Tensor normal() { return rng.normal({n}).to(at::kDouble); }
  Tensor pick(const Tensor& value, double otherwise, double chance) {
    return at::where(uniform() < chance, value, at::full({}, otherwise, at::kDouble));
  }
  Tensor pick(const Tensor& value, double otherwise) { return pick(value, otherwise, p); }
};

/// [N, k, k] from rows of numbers [N].
Tensor matrix(const std::vector<std::vector<Tensor>>& rows) {
  std::vector<Tensor> stacked;
  for (const auto& row : rows) stacked.push_back(at::stack(row, 1));
  return at::stack(stacked, 1);
}

Tensor scaling(const Tensor& x, const Tensor& y) {
  const Tensor zero = at::zeros_like(x), one = at::ones_like(x);
  return matrix({{x, zero, zero}, {zero, y, zero}, {zero, zero, one}});
}
Tensor rotation(const Tensor& angle) {
  const Tensor zero = at::zeros_like(angle), one = at::ones_like(angle), c = angle.cos(), s = angle.sin();
  return matrix({{c, -s, zero}, {s, c, zero}, {zero, zero, one}});
}
Tensor moving(const Tensor& x, const Tensor& y) {
  const Tensor zero = at::zeros_like(x), one = at::ones_like(x);
  return matrix({{one, zero, x}, {zero, one, y}, {zero, zero, one}});
}

// From a pixel of the result to where it is taken, each transform inverted.
Tensor geometry(Chances& c, double height, double width) {
  const double rotate_chance = 1 - std::sqrt(1 - c.p);  // before and after stretching: together p
  const Tensor one = at::ones({c.n}, at::kDouble);
  Tensor m = scaling(1 - 2 * c.pick((c.uniform() * 2).floor(), 0), one);
  m = at::bmm(m, rotation(M_PI / 2 * c.pick((c.uniform() * 4).floor(), 0)));
  const Tensor dx = c.uniform() * 2 - 1, dy = c.uniform() * 2 - 1, moved = c.pick(one, 0);
  m = at::bmm(m, moving((0.125 * width * dx * moved).round(), (0.125 * height * dy * moved).round()));
  const Tensor size = c.pick((0.2 * c.normal()).exp2(), 1);
  m = at::bmm(m, scaling(1 / size, 1 / size));
  m = at::bmm(m, rotation(c.pick((c.uniform() * 2 - 1) * M_PI, 0, rotate_chance)));
  const Tensor stretch = c.pick((0.2 * c.normal()).exp2(), 1);
  m = at::bmm(m, scaling(1 / stretch, stretch));
  m = at::bmm(m, rotation(c.pick((c.uniform() * 2 - 1) * M_PI, 0, rotate_chance)));
  const Tensor fx = c.normal(), fy = c.normal(), drifted = c.pick(one, 0);
  return at::bmm(m, moving(0.125 * width * fx * drifted, 0.125 * height * fy * drifted)).narrow(1, 0, 2);
}

/// [N, 1, 1], to multiply matrices by.
Tensor factor(const Tensor& x) { return x.view({-1, 1, 1}); }

// The colours' affine map [N, 4, 4]: brightness, contrast, luma flip, hue, saturation.
Tensor colours(Chances& c, bool coloured) {
  const Tensor identity = at::eye(4, at::kDouble), ones = at::tensor({1.0, 1.0, 1.0, 0.0}, at::kDouble);
  const Tensor luma = at::outer(ones, ones) / 3;  // onto the grey axis
  const Tensor to_brightness = at::outer(ones, identity[3]);
  Tensor m = identity + factor(c.pick(0.2 * c.normal(), 0)) * to_brightness;
  const Tensor contrast = factor(c.pick((0.5 * c.normal()).exp2(), 1));
  m = at::bmm(contrast * at::diag(ones) + at::diag(identity[3]), m);
  m = at::bmm(identity - 2 * luma * factor(c.pick((c.uniform() * 2).floor(), 0)), m);
  if (!coloured) return m;
  // Rodrigues: a turn by t around the unit axis v is cos t I + sin t [v]x + (1 - cos t) v v^T.
  const double s = 1 / std::sqrt(3.0);
  const Tensor cross = at::tensor({0.0, -s, s, 0.0, s, 0.0, -s, 0.0, -s, s, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0}, at::kDouble);
  const Tensor angle = factor(c.pick((c.uniform() * 2 - 1) * M_PI, 0));
  const Tensor hue = angle.cos() * at::diag(ones) + angle.sin() * cross.view({4, 4}) + (1 - angle.cos()) * luma +
                     at::diag(identity[3]);
  m = at::bmm(hue, m);
  const Tensor saturation = factor(c.pick(c.normal().exp2(), 1));
  return at::bmm(luma + at::diag(identity[3]) + saturation * (at::diag(ones) - luma), m);
}

Tensor recoloured(const Tensor& x, const Tensor& map) {
  const Tensor m = map.to(x.scalar_type());
  if (x.size(1) == 1) {  // grey: what happens to the mean of three equal channels
    const Tensor line = m.narrow(1, 0, 3).mean(1);
    return x * line.narrow(1, 0, 3).sum(1).view({-1, 1, 1, 1}) + line.select(1, 3).view({-1, 1, 1, 1});
  }
  const Tensor mixed = at::bmm(m.narrow(1, 0, 3).narrow(2, 0, 3), x.flatten(2)).view(x.sizes());
  return mixed + m.narrow(1, 0, 3).select(2, 3).unsqueeze(2).unsqueeze(3);
}

}  // namespace

const std::vector<AugmentRow>& augment_table() {
  static const std::vector<AugmentRow> table = {
      {"colour", "Zhao 2020 (DiffAugment): brightness, saturation, contrast", colour},
      {"translation", "Zhao 2020: up to an eighth of the side, zeros beyond the border", translation},
      {"cutout", "Zhao 2020: a rectangle of half the side is blank", cutout},
      {"flip", "left and right exchanged by chance 1/2", flip},
      {"shift", "Zhang 2020 (CR-GAN): as translation, but mirrored at the border, so that no edge is drawn in", shift},
  };
  return table;
}

Tensor augmented(Tensor x, const std::vector<std::string>& changes, Rng& rng) {
  for (const std::string& name : changes) x = find_row(augment_table(), "augmentation", name).apply(x, rng);
  return x;
}

Tensor adaptive_augment(const Tensor& x, double p, Rng& rng) {
  if (p <= 0) return x;
  Chances chances{x.size(0), std::min(p, 1.0), rng};
  const Tensor maps = geometry(chances, static_cast<double>(x.size(2)), static_cast<double>(x.size(3)));
  const Tensor turned = warp(x, maps, Border::mirror);
  if (x.size(1) != 1 && x.size(1) != 3) return turned;
  return recoloured(turned, colours(chances, x.size(1) == 3));
}

}  // namespace obverse
