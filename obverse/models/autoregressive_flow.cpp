#include <ATen/ATen.h>

#include "obverse/models/flow_layers.h"
#include "obverse/models/zoo.h"

namespace obverse {
namespace {

struct AutoregressiveFlowOptions : MadeOptions {
  int64_t layers = 5;
  void describe(Fields& f) override {
    MadeOptions::describe(f);
    f("layers", layers, "one after the other, every second one in reversed order; 1: a MADE with Gaussian outputs",
      {1, 1000});
  }
};

/// [N, ...] as [N, D].
class Flatten : public Transform {
 public:
  explicit Flatten(std::vector<int64_t> shape) : shape_(std::move(shape)) { shape_.insert(shape_.begin(), -1); }
  Flowed forward(const at::Tensor& x) override { return {x.flatten(1), at::zeros({x.size(0)}, x.options())}; }
  at::Tensor inverse(const at::Tensor& z) override { return z.reshape(shape_); }

 private:
  std::vector<int64_t> shape_;
};

template <class Layer>
NetworkRow<Transform> row(std::string name, std::string source) {
  return {std::move(name), std::move(source),
          []() -> std::shared_ptr<Options> { return std::make_shared<AutoregressiveFlowOptions>(); },
          [](const Options& options, const NetworkShape& shape, Rng& rng) -> std::shared_ptr<Transform> {
            const auto& o = dynamic_cast<const AutoregressiveFlowOptions&>(options);
            int64_t numbers = 1;
            for (const int64_t side : shape.domain.shape) numbers *= side;
            auto flow = std::make_shared<Sequence>();
            flow->add("flatten", std::make_shared<Flatten>(shape.domain.shape));
            for (int64_t i = 0; i < o.layers; ++i) {
              const std::string index = std::to_string(i);
              flow->add("norm" + index, std::make_shared<Actnorm>(numbers));
              flow->add("layer" + index, std::make_shared<Layer>(numbers, o, i % 2 == 1, rng));
            }
            return flow;
          }};
}

}  // namespace

NetworkRow<Transform> maf_flow() {
  return row<Autoregressive>("maf", "Papamakarios 2017: masked autoregressive layers; likelihoods in one pass");
}

NetworkRow<Transform> iaf_flow() {
  return row<InverseAutoregressive>("iaf", "Kingma 2016: inverse autoregressive layers; samples in one pass");
}

}  // namespace obverse
