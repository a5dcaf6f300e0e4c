#pragma once

#include "obverse/models/latent_model.h"
#include "obverse/models/networks.h"

namespace obverse {

/// The LatentModel over a generator and, where the game has them, a discriminator's features and an encoder.
class NetworkModel : public LatentModel {
 public:
  NetworkModel(NetworkShape shape, std::shared_ptr<Generator> generator,
               std::shared_ptr<Discriminator> discriminator = nullptr, std::shared_ptr<Encoder> encoder = nullptr)
      : shape_(std::move(shape)),
        generator_(std::move(generator)),
        discriminator_(std::move(discriminator)),
        encoder_(std::move(encoder)) {}

  const Domain& domain() const override { return shape_.domain; }
  std::vector<LatentSpace> spaces() const override { return {{"z", {shape_.z_dim}}}; }
  int64_t classes() const override { return shape_.classes; }
  at::Tensor decode(const at::Tensor& code, const at::Tensor& y) override { return generator_->forward(code, y); }
  bool can_encode() const override { return encoder_ != nullptr; }
  at::Tensor encode(const at::Tensor& x, const at::Tensor& y) override {
    return encoder_ ? encoder_->forward(x, y) : LatentModel::encode(x, y);
  }
  bool has_features() const override { return discriminator_ != nullptr; }
  at::Tensor features(const at::Tensor& x) override {
    return discriminator_ ? discriminator_->features(x) : LatentModel::features(x);
  }

 private:
  NetworkShape shape_;
  std::shared_ptr<Generator> generator_;
  std::shared_ptr<Discriminator> discriminator_;
  std::shared_ptr<Encoder> encoder_;
};

}  // namespace obverse
