#include <ATen/ATen.h>

#include "obverse/models/flow_layers.h"
#include "obverse/models/zoo.h"

namespace obverse {
namespace {

struct RealnvpOptions : Options {
  int64_t couplings = 8;
  int64_t scales = 2;
  int64_t width = 64;
  int64_t blocks = 2;
  int64_t layers = 2;
  void describe(Fields& f) override {
    f("couplings", couplings, "of points; images have three a scale before the squeeze and three after it", {1, 1000});
    f("scales", scales, "of images, each half the size of the one before", {1, 10});
    f("width", width, "channels, or units, of the couplings' networks", {1, 8192});
    f("blocks", blocks, "residual blocks of a coupling's network, for images", {0, 100});
    f("layers", layers, "hidden layers of a coupling's network, for points", {0, 100});
  }
};

constexpr int64_t kAScale = 3;  // couplings before the squeeze, and after it

/// Couplings with a normalisation before each.
void add_couplings(Sequence& sequence, const std::string& name, const std::vector<int64_t>& shape,
                   at::Tensor (*mask)(const std::vector<int64_t>&, bool), const RealnvpOptions& o, Rng& rng) {
  for (int64_t i = 0; i < kAScale; ++i) {
    const std::string index = name + std::to_string(i);
    sequence.add(index + "_norm", std::make_shared<Actnorm>(shape[0]));
    sequence.add(index, image_coupling(mask(shape, i % 2 == 1), o.width, o.blocks, rng));
  }
}

std::shared_ptr<Transform> build_images(const RealnvpOptions& o, const NetworkShape& network, Rng& rng) {
  std::vector<int64_t> shape = network.domain.shape;
  auto flow = std::make_shared<MultiScale>(shape);
  for (int64_t i = 0; i < o.scales; ++i) {
    need_even_sides("realnvp", shape, "scales");
    auto stage = std::make_shared<Sequence>();
    add_couplings(*stage, "board", shape, checkerboard_mask, o, rng);
    stage->add("squeeze", std::make_shared<Squeeze>());
    shape = {4 * shape[0], shape[1] / 2, shape[2] / 2};
    add_couplings(*stage, "channel", shape, half_mask, o, rng);
    flow->add("scale" + std::to_string(i), stage, shape);
    shape[0] /= 2;
  }
  return flow;
}

std::shared_ptr<Transform> build_points(const RealnvpOptions& o, const NetworkShape& network, Rng& rng) {
  const std::vector<int64_t>& shape = network.domain.shape;
  if (shape[0] < 2) fail("realnvp: couplings need points of two numbers or more: use kind = \"maf\"");
  DenseOptions layers;
  layers.widths.assign(static_cast<size_t>(o.layers), o.width);
  layers.activation = "tanh";
  auto flow = std::make_shared<Sequence>();
  for (int64_t i = 0; i < o.couplings; ++i) {
    const std::string index = std::to_string(i);
    flow->add("norm" + index, std::make_shared<Actnorm>(shape[0]));
    flow->add("coupling" + index, dense_coupling(half_mask(shape, i % 2 == 1), layers, rng));
  }
  flow->add("norm", std::make_shared<Actnorm>(shape[0]));
  return flow;
}

std::shared_ptr<Transform> build(const Options& options, const NetworkShape& shape, Rng& rng) {
  const auto& o = dynamic_cast<const RealnvpOptions&>(options);
  return shape.domain.kind == Domain::Kind::image ? build_images(o, shape, rng) : build_points(o, shape, rng);
}

}  // namespace

NetworkRow<Transform> realnvp_flow() {
  return {"realnvp", "Dinh 2017: affine couplings, several scales for images",
          []() -> std::shared_ptr<Options> { return std::make_shared<RealnvpOptions>(); }, build};
}

}  // namespace obverse
