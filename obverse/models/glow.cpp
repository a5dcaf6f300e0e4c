#include <ATen/ATen.h>

#include "obverse/models/flow_layers.h"
#include "obverse/models/zoo.h"

namespace obverse {
namespace {

struct GlowOptions : Options {
  int64_t scales = 2;
  int64_t steps = 8;
  int64_t width = 64;
  int64_t blocks = 1;
  void describe(Fields& f) override {
    f("scales", scales, "each half the size of the one before", {1, 10});
    f("steps", steps, "of normalisation, mixing and coupling at each scale", {1, 1000});
    f("width", width, "channels of the couplings' networks", {1, 8192});
    f("blocks", blocks, "residual blocks of a coupling's network", {0, 100});
  }
};

std::shared_ptr<Transform> build(const Options& options, const NetworkShape& network, Rng& rng) {
  const auto& o = dynamic_cast<const GlowOptions&>(options);
  if (network.domain.kind != Domain::Kind::image)
    fail("glow works on images, the data are points of {} numbers: use kind = \"realnvp\" or \"maf\"",
         network.domain.shape.at(0));
  std::vector<int64_t> shape = network.domain.shape;
  auto flow = std::make_shared<MultiScale>(shape);
  for (int64_t i = 0; i < o.scales; ++i) {
    need_even_sides("glow", shape, "scales");
    auto stage = std::make_shared<Sequence>();
    stage->add("squeeze", std::make_shared<Squeeze>());
    shape = {4 * shape[0], shape[1] / 2, shape[2] / 2};
    for (int64_t j = 0; j < o.steps; ++j) {
      const std::string index = std::to_string(j);
      stage->add("norm" + index, std::make_shared<Actnorm>(shape[0]));
      stage->add("mix" + index, std::make_shared<ChannelMix>(shape[0], rng));
      stage->add("coupling" + index, image_coupling(half_mask(shape, false), o.width, o.blocks, rng));
    }
    flow->add("scale" + std::to_string(i), stage, shape);
    shape[0] /= 2;
  }
  return flow;
}

}  // namespace

NetworkRow<Transform> glow_flow() {
  return {"glow", "Kingma 2018: activation normalisation, 1x1 convolutions, affine couplings",
          []() -> std::shared_ptr<Options> { return std::make_shared<GlowOptions>(); }, build};
}

}  // namespace obverse
