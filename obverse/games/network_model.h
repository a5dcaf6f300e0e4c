#pragma once

#include "obverse/core/table.h"
#include "obverse/models/latent_model.h"
#include "obverse/models/networks.h"

namespace obverse {

/// The networks of a game; those that it lacks are null.
struct Networks {
  NetworkShape shape;
  std::shared_ptr<Generator> generator;
  std::shared_ptr<Discriminator> discriminator = nullptr;
  std::shared_ptr<Encoder> encoder = nullptr;
  std::string prior = "normal";
  bool stochastic = false;  // the encoder gives means and standard deviations: 2 z_dim numbers
  std::shared_ptr<JointDiscriminator> joint = nullptr;

  LatentSpace space() const { return {"z", {shape.z_dim}, prior}; }
  CodeDistribution infer(const at::Tensor& x, const at::Tensor& y) const {
    const at::Tensor output = encoder->forward(x, y);  // [N, z_dim] or [N, 2 z_dim]
    if (stochastic) return gaussian_codes(output);
    return {find_row(prior_table(), "prior", prior).confine(output), {}};
  }
};

/// The LatentModel over a generator and, where the game has them, a discriminator's features and an encoder. Features
/// are the encoder's where there is no discriminator of samples.
class NetworkModel : public LatentModel {
 public:
  explicit NetworkModel(Networks networks)
      : networks_(std::move(networks)), styles_(std::dynamic_pointer_cast<StyleGenerator>(networks_.generator)) {}

  const Domain& domain() const override { return networks_.shape.domain; }
  std::vector<LatentSpace> spaces() const override { return {networks_.space()}; }
  int64_t classes() const override { return networks_.shape.classes; }
  at::Tensor decode(const at::Tensor& code, const at::Tensor& y) override {
    return networks_.generator->forward(code, y);
  }
  bool truncate(double psi) override {
    if (styles_) styles_->truncation = psi;
    return has_styles();
  }
  bool decode_roughly(bool on) override {
    const Placement rough = choose_placement("auto");
    if (rough.compute == at::kFloat) return false;
    networks_.generator->set_placement(on ? rough : Placement{});
    return true;
  }
  int64_t style_layers() const override { return styles_ ? styles_->layers() : 0; }
  std::vector<at::Tensor> code_weights() const override { return networks_.generator->code_weights(); }
  at::Tensor map(const at::Tensor& code, const at::Tensor& y) override {
    return has_styles() ? styles_->map(code, y) : LatentModel::map(code, y);
  }
  at::Tensor synthesise(const at::Tensor& w) override {
    if (!has_styles()) return LatentModel::synthesise(w);
    return styles_->synthesise(w.dim() == 3 ? w : styles_->everywhere(w));
  }
  bool can_encode() const override { return networks_.encoder != nullptr; }
  CodeDistribution infer(const at::Tensor& x, const at::Tensor& y) override {
    return can_encode() ? networks_.infer(x, y) : LatentModel::infer(x, y);
  }
  at::Tensor encode(const at::Tensor& x, const at::Tensor& y) override {
    return can_encode() ? networks_.infer(x, y).mean : LatentModel::encode(x, y);
  }
  bool has_encoder_features() const override { return can_encode(); }
  at::Tensor encoder_features(const at::Tensor& x) override {
    return can_encode() ? networks_.encoder->features(x) : LatentModel::encoder_features(x);
  }
  bool has_features() const override { return networks_.discriminator || networks_.encoder; }
  at::Tensor features(const at::Tensor& x) override {
    if (networks_.discriminator) return networks_.discriminator->features(x);
    return can_encode() ? networks_.encoder->features(x) : LatentModel::features(x);
  }
  bool has_pair_features() const override { return networks_.joint != nullptr; }
  at::Tensor pair_features(const at::Tensor& x, const at::Tensor& code) override {
    if (!networks_.joint) return LatentModel::pair_features(x, code);
    return networks_.joint->pair_features(networks_.joint->features(x), code);
  }

 protected:
  Networks networks_;
  std::shared_ptr<StyleGenerator> styles_;  // the generator, where it is one of styles
};

}  // namespace obverse
