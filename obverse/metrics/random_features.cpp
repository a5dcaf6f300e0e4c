#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "obverse/core/error.h"
#include "obverse/core/rng.h"
#include "obverse/io/files.h"
#include "obverse/metrics/features.h"

namespace obverse {
namespace {

class RandomConvolutions : public FeatureNetwork {
 public:
  explicit RandomConvolutions(int64_t channels) : channels_(channels) {
    Rng rng(0, "random features");
    std::string bytes;
    int64_t inputs = channels;
    for (const int64_t outputs : {32, 64, 128}) {
      const at::Tensor weight = rng.normal({outputs, inputs, 3, 3}) * std::sqrt(2.0 / static_cast<double>(9 * inputs));
      bytes.append(static_cast<const char*>(weight.data_ptr()), weight.nbytes());
      weights_.push_back(weight);
      dims += 2 * outputs;
      inputs = outputs;
    }
    name = "random-convolutions";
    hash = sha256(bytes);
  }

  at::Tensor features(const at::Tensor& x) override {
    if (x.dim() != 4 || x.size(1) != channels_) fail("{}: needs images of {} channels", name, channels_);
    at::Tensor h = x;
    std::vector<at::Tensor> parts;
    for (const at::Tensor& weight : weights_) {
      h = at::relu(at::conv2d(h, weight, {}, 1, 1));
      const at::Tensor places = h.flatten(2);
      parts.push_back(places.mean(2));
      parts.push_back(places.std(2, /*unbiased=*/false));
      if (std::min(h.size(2), h.size(3)) > 1) h = at::avg_pool2d(h, 2, 2, 0, /*ceil_mode=*/true);
    }
    return at::cat(parts, 1);
  }

 private:
  int64_t channels_;
  std::vector<at::Tensor> weights_;
};

}  // namespace

std::unique_ptr<FeatureNetwork> random_features(int64_t channels) {
  return std::make_unique<RandomConvolutions>(channels);
}

}  // namespace obverse
