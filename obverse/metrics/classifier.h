#pragma once

#include "obverse/layers/convolution.h"
#include "obverse/metrics/features.h"

namespace obverse {

/// A small LeNet for images of any size: 3x3 convolutions with ReLU and 2x2 max pooling until the sides are 8 or less
/// (32, then 64 channels), 64 features with ReLU, logits.
class Classifier : public Module {
 public:
  /// shape: {C, H, W}.
  Classifier(const std::vector<int64_t>& shape, int64_t classes, Rng& rng);
  at::Tensor features(const at::Tensor& x);       // [N, C, H, W] in [-1, 1] -> [N, 64] float32
  at::Tensor logits(const at::Tensor& features);  // [N, 64] -> [N, K] float32
  static constexpr int64_t kFeatures = 64;

 private:
  std::vector<std::shared_ptr<Conv2d>> convolutions_;
  std::shared_ptr<Linear> hidden_, head_;
};

/// How a classifier is trained: Adam (Kingma 2015) on the cross-entropy, step size falling by a cosine.
struct ClassifierTraining {
  int64_t epochs = 4;
  int64_t batch = 100;
  double lr = 1.5e-3;
  int64_t shift = 0;  // batches are moved by up to so many pixels each way; the border is filled with black
  uint64_t seed = 0;
  std::string precision = "auto";  // of the training's convolutions; features are always computed in float32
  std::string text() const;        // all of it, for the cache's key
};

/// Trains on labelled images and leaves the network frozen. The same seed and threads give the same bits.
std::shared_ptr<Classifier> train_classifier(const Dataset& train, const ClassifierTraining& training,
                                             const Log& log = {});

/// Share of samples whose likeliest class is their label.
double accuracy(Classifier& classifier, const Dataset& data);

/// The data set's classifier as a feature network: from the cache, or trained now (about a minute) and put there. Two
/// processes that want the same one wait for each other. Throws UserError when there are no labels.
std::unique_ptr<FeatureNetwork> classifier_features(const Dataset& train, const Dataset& test, const Log& log = {},
                                                    const ClassifierTraining& training = {});

/// What lies in the cache.
struct CachedClassifier {
  std::string path, data;
  double test_accuracy = 0;
  std::string hash;
};
std::vector<CachedClassifier> cached_classifiers();

}  // namespace obverse
