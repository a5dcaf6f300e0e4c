#include "obverse/infer/code_space.h"

#include <ATen/ATen.h>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"

namespace obverse {
namespace {

constexpr int64_t kDraws = 10'000;  // of the prior, for mean and deviation of w

class StyleSpace : public LatentModel {
 public:
  StyleSpace(std::unique_ptr<LatentModel> model, bool each_layer) : model_(std::move(model)), each_layer_(each_layer) {
    name = model_->name;
    hash = model_->hash;
    Rng rng(0, "style space");
    const at::Tensor z = model_->spaces().front().draw(kDraws, rng);
    const at::Tensor y = classes() > 0 ? rng.integers(classes(), {kDraws}) : at::Tensor();
    const at::Tensor w = without_grad([&] { return model_->map(z, y); });
    mean_ = w.mean(0), deviation_ = w.std(0).clamp_min(1e-6);
  }
  const Domain& domain() const override { return model_->domain(); }
  std::vector<LatentSpace> spaces() const override {
    if (each_layer_) return {{"w+", {model_->style_layers(), mean_.size(0)}}};
    return {{"w", {mean_.size(0)}}};
  }
  int64_t classes() const override { return model_->classes(); }
  // The class has had its say in the mapping: of a code alone, it changes nothing.
  at::Tensor decode(const at::Tensor& code, const at::Tensor&) override {
    return model_->synthesise(mean_ + deviation_ * code);
  }
  bool decode_roughly(bool on) override { return model_->decode_roughly(on); }
  bool can_encode() const override { return model_->can_encode(); }
  at::Tensor encode(const at::Tensor& x, const at::Tensor& y) override { return from_z(model_->encode(x, y), y); }
  at::Tensor from_z(const at::Tensor& z, const at::Tensor& y) {
    const at::Tensor code = (model_->map(z, y) - mean_) / deviation_;
    return each_layer_ ? code.unsqueeze(1).expand({-1, model_->style_layers(), -1}).contiguous() : code;
  }
  const LatentModel& in_z() const { return *model_; }
  std::vector<at::Tensor> code_weights() const override {
    std::vector<at::Tensor> weights;
    if (!each_layer_)
      for (const at::Tensor& weight : model_->code_weights()) weights.push_back(weight * deviation_);
    return weights;
  }
  bool has_features() const override { return model_->has_features(); }
  at::Tensor features(const at::Tensor& x) override { return model_->features(x); }

 private:
  std::unique_ptr<LatentModel> model_;
  bool each_layer_;
  at::Tensor mean_, deviation_;  // [w_dim]
};

}  // namespace

at::Tensor codes_for_seeds(LatentModel& model, const std::vector<uint64_t>& seeds, const at::Tensor& y) {
  auto* styled = dynamic_cast<StyleSpace*>(&model);
  if (!styled) return latents_for_seeds(model, seeds);
  return without_grad([&] { return styled->from_z(latents_for_seeds(styled->in_z(), seeds), y); });
}

at::Tensor draw_codes(LatentModel& model, int64_t n, const at::Tensor& y, Rng& rng) {
  auto* styled = dynamic_cast<StyleSpace*>(&model);
  if (!styled) return model.spaces().front().draw(n, rng);
  const at::Tensor z = styled->in_z().spaces().front().draw(n, rng);
  return without_grad([&] { return styled->from_z(z, y); });
}

const std::vector<std::string>& space_names() {
  static const std::vector<std::string> names = {"z", "w", "w+"};
  return names;
}

std::unique_ptr<LatentModel> in_space(std::unique_ptr<LatentModel> model, const std::string& space) {
  if (space == "z") return model;
  if (!model->has_styles())
    fail("space {}: {} has codes z alone: a generator of StyleGAN's kind has w and w+", space, model->name);
  return std::make_unique<StyleSpace>(std::move(model), space == "w+");
}

}  // namespace obverse
