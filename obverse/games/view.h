#pragma once

#include <memory>

#include "obverse/models/networks.h"

namespace obverse {

/// A key whose value is rows of augment_table().
void describe_changes(Fields& f, const std::string& key, std::vector<std::string>& changes, const std::string& help);

/// What a discriminator is shown of samples; keys of [game].
struct ViewOptions : Options {
  Schedule instance_noise = 0.0;
  std::vector<std::string> augment;  // rows of augment_table()
  double adaptive_target = 0;        // of the sign of D on real samples; 0: no adaptive augmentation
  double adaptive_kimg = 500;
  int64_t packing = 1;
  void describe(Fields& f) override;
  bool plain() const;
};

/// A discriminator behind the things that keep it from winning: instance noise (Sonderby 2017), DiffAugment (Zhao
/// 2020), adaptive augmentation (Karras 2020) and packing (PacGAN, Lin 2018: one logit for `packing` samples in a row,
/// beside each other as channels), in this order. Gradients are with respect to the samples before all that, those of a
/// pack in one row. Without labels where it packs.
class View : public Discriminator {
 public:
  /// What D itself is built for. Throws UserError when the options do not suit the data.
  static NetworkShape shape_behind(const ViewOptions& options, const NetworkShape& shape);
  View(const ViewOptions& options, std::shared_ptr<Discriminator> discriminator);

  /// Before passes: where their randomness comes from, and the run's progress.
  void use(Rng& rng, double progress) { rng_ = &rng, progress_ = progress; }
  /// The signs of D on a batch of `n` real samples, on average: every fourth time the strength moves towards
  /// adaptive_target, by at most 1 in adaptive_kimg. Karras 2020, section 3.2: r_t = E[sign D(x)].
  void observe(double mean_sign, int64_t n);
  double strength() const;
  NamedTensors state() const { return {{"view", state_}}; }
  at::Tensor packed(const at::Tensor& x) const;  // [N, C, ...] -> [N / packing, packing C, ...]

  at::Tensor features(const at::Tensor& x) override { return discriminator_->features(seen(x)); }
  at::Tensor head(const at::Tensor& h, const at::Tensor& y) override { return discriminator_->head(h, y); }
  at::Tensor forward(const at::Tensor& x, const at::Tensor& y) override { return discriminator_->forward(seen(x), y); }
  std::pair<at::Tensor, at::Tensor> forward_with_gradient(const at::Tensor& x, const at::Tensor& y,
                                                          at::Tensor* features_out = nullptr) override;
  bool classifies() const override { return discriminator_->classifies(); }
  at::Tensor class_logits(const at::Tensor& h) override { return discriminator_->class_logits(h); }
  bool mixes_samples() const override { return discriminator_->mixes_samples(); }

 private:
  at::Tensor seen(at::Tensor x) const;

  ViewOptions options_;
  std::shared_ptr<Discriminator> discriminator_;
  Rng* rng_ = nullptr;
  double progress_ = 0;
  at::Tensor state_;  // float64 [3]: strength, sum of signs, how many
};

}  // namespace obverse
