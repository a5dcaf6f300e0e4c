#include "obverse/metrics/path_length.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"

namespace obverse {

at::Tensor slerp(const at::Tensor& a, const at::Tensor& b, const at::Tensor& t) {
  const at::Tensor x = a.flatten(1).to(at::kDouble), y = b.flatten(1).to(at::kDouble);
  const at::Tensor s = t.to(at::kDouble).unsqueeze(1);
  const at::Tensor x_norm = x.norm(2, {1}, true), y_norm = y.norm(2, {1}, true);
  const at::Tensor u = x / x_norm, v = y / y_norm;
  const at::Tensor cosine = (u * v).sum(1, true).clamp(-1, 1), angle = cosine.acos() * s;
  const at::Tensor across = v - cosine * u;  // in the plane of both, at a right angle to u
  const at::Tensor unit = u * angle.cos() + across / across.norm(2, {1}, true).clamp_min(1e-12) * angle.sin();
  return (unit * (x_norm + (y_norm - x_norm) * s)).view_as(a).to(a.scalar_type());
}

at::Tensor path_lengths(LatentModel& model, FeatureNetwork& network, int64_t n, Rng& rng, PathSpace space) {
  constexpr double kStep = 1e-4;
  constexpr int64_t kSlice = 500;
  const LatentSpace codes = model.spaces().at(0);
  std::vector<at::Tensor> parts;
  for (int64_t done = 0; done < n; done += kSlice) {
    const int64_t count = std::min(kSlice, n - done);
    const at::Tensor a = codes.draw(count, rng), b = codes.draw(count, rng);
    const at::Tensor t = rng.uniform({count}).to(at::kDouble);
    const at::Tensor y = model.classes() > 0 ? rng.integers(model.classes(), {count}) : at::Tensor();
    const auto features_at = [&](const at::Tensor& along) {
      if (space == PathSpace::z) return features_of(network, decode_all(model, slerp(a, b, along), y));
      return without_grad([&] {
        const at::Tensor from = model.map(a, y).to(at::kDouble), to = model.map(b, y).to(at::kDouble);
        return features_of(network, model.synthesise((from + (to - from) * along.unsqueeze(1)).to(a.scalar_type())));
      });
    };
    parts.push_back((features_at(t + kStep) - features_at(t)).to(at::kDouble).square().sum(1) / (kStep * kStep));
  }
  if (parts.empty()) fail("ppl: no paths were asked for");
  return at::cat(parts);
}

}  // namespace obverse
