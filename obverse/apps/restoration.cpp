#include "obverse/apps/restoration.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/autograd.h"
#include "obverse/core/table.h"
#include "obverse/layers/activation.h"
#include "obverse/metrics/small_adam.h"

namespace obverse {
namespace {

constexpr int64_t kWidth = 32, kBatch = 32;
constexpr double kRate = 2e-3;
constexpr double kSmallError = 1e-4;  // squared, of pixels in -1 .. 1: a level of 255 or so

ConvOptions conv(int64_t kernel, const Init& init) {
  ConvOptions options;
  options.kernel = kernel;
  options.padding = kernel / 2;
  options.init = init;
  return options;
}

}  // namespace

Restoration::Restoration(int64_t channels, Rng& rng)
    : first_(child("first", std::make_shared<Conv2d>(2 * channels + 2, kWidth, rng, conv(5, Init::he())))),
      second_(child("second", std::make_shared<Conv2d>(kWidth, kWidth, rng, conv(3, Init::he())))),
      last_(child("last", std::make_shared<Conv2d>(kWidth, channels, rng, conv(3, Init::zero())))) {}

at::Tensor Restoration::forward(const CodedPictures& coded) {
  static const Activation& leaky = find_row(activation_table(), "activation", "leaky_relu");
  const at::Tensor picture = coded.picture.clamp(-1, 1);
  const at::Tensor known =
      (coded.known * 2 - 1).unsqueeze(2).unsqueeze(3).expand({picture.size(0), 2, picture.size(2), picture.size(3)});
  const at::Tensor h = first_->forward(at::cat({picture, coded.model.clamp(-1, 1), known}, 1), leaky);
  return picture + full_precision(last_->forward(second_->forward(h, leaky)));
}

void Restoration::learn(int64_t samples, int64_t passes, Rng& rng,
                        const std::function<std::pair<CodedPictures, at::Tensor>(const at::Tensor& rows)>& draw,
                        const std::function<void(double share)>& progress) {
  std::vector<at::Tensor> weights;
  for (const auto& [name, weight] : parameters()) weights.push_back(weight);
  set_requires_grad(true);
  SmallAdam adam(weights);
  const int64_t steps = std::max<int64_t>(1, samples * passes / kBatch);
  for (int64_t i = 0; i < steps; ++i) {
    if (progress && i > 0 && i * 10 / steps != (i - 1) * 10 / steps) progress(static_cast<double>(i) / steps);
    const auto [coded, image] = draw(rng.integers(samples, {std::min(samples, kBatch)}));
    const double rate = kRate * 0.5 * (1 + std::cos(M_PI * static_cast<double>(i) / static_cast<double>(steps)));
    const c10::AutoGradMode on(true);
    const auto error = [&](const at::Tensor& x) { return (x - image).square().flatten(1).mean(1); };
    // Relative to what it was: else the coarsest pictures would be all that counts.
    adam.step((error(forward(coded)) / (error(coded.picture.clamp(-1, 1)) + kSmallError)).mean(), rate);
  }
  set_requires_grad(false);
}

}  // namespace obverse
