#include <ATen/ATen.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>

#include "obverse/core/error.h"
#include "obverse/io/files.h"
#include "obverse/io/safetensors.h"
#include "obverse/metrics/cache.h"
#include "obverse/metrics/classifier.h"

namespace obverse {
namespace {

namespace fs = std::filesystem;

class ClassifierFeatures : public FeatureNetwork {
 public:
  ClassifierFeatures(std::shared_ptr<Classifier> classifier, int64_t classes)
      : classifier_(std::move(classifier)), classes_(classes) {
    dims = Classifier::kFeatures;
  }
  at::Tensor features(const at::Tensor& x) override { return classifier_->features(x); }
  int64_t classes() const override { return classes_; }
  at::Tensor logits(const at::Tensor& features) override { return classifier_->logits(features).unsqueeze(1); }

 private:
  std::shared_ptr<Classifier> classifier_;
  int64_t classes_;
};

// A data set's name as part of a file's.
std::string plain(const std::string& name) {
  std::string result = fs::path(name).filename().string();
  for (char& c : result)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '_') c = '_';
  return result.empty() ? "data" : result;
}

std::string metadata_of(const TensorFile& file, const std::string& key) {
  const auto it = file.metadata.find(key);
  return it == file.metadata.end() ? "" : it->second;
}

std::unique_ptr<FeatureNetwork> load_classifier(const std::string& path, const Dataset& train) {
  const TensorFile file = read_safetensors(path);
  Rng unused(0);
  const auto classes = static_cast<int64_t>(train.domain.classes.size());
  auto network = std::make_shared<Classifier>(train.domain.shape, classes, unused);
  copy_named(network->state(), file.tensors, path);
  network->set_requires_grad(false);
  network->train(false);
  auto features = std::make_unique<ClassifierFeatures>(network, classes);
  features->name = plain(train.name) + "-classifier";
  features->hash = sha256(read_file(path));
  features->test_accuracy = std::atof(metadata_of(file, "test_accuracy").c_str());
  return features;
}

}  // namespace

std::string ClassifierTraining::text() const {
  const std::string moved = shift > 0 ? fmt::format(" shift {}", shift) : "";
  return fmt::format("lenet 32-64-64 epochs {} batch {} lr {} seed {} {}{}", epochs, batch, lr, seed, precision, moved);
}

std::unique_ptr<FeatureNetwork> classifier_features(const Dataset& train, const Dataset& test, const Log& log,
                                                    const ClassifierTraining& training) {
  const std::string folder = feature_cache();
  const std::string key = sha256(train.hash() + test.hash() + training.text()).substr(0, 12);
  const std::string path = fmt::format("{}/{}-{}.safetensors", folder, plain(train.name), key);
  const CacheLock lock(path);
  if (!fs::exists(path)) {
    if (log) log(fmt::format("training the classifier of {}, once; it is kept in {}", train.name, folder));
    const auto network = train_classifier(train, training, log);
    const double right = accuracy(*network, test);
    if (log) log(fmt::format("classifier of {}: {:.2f} % of test images right", train.name, 100 * right));
    write_safetensors(path, network->state(),
                      {{"format", "obverse-classifier"},
                       {"data", train.name},
                       {"training", training.text()},
                       {"test_accuracy", fmt::format("{}", right)}});
  }
  return load_classifier(path, train);
}

std::vector<CachedClassifier> cached_classifiers() {
  std::vector<CachedClassifier> result;
  const std::string folder = feature_cache();
  if (!fs::is_directory(folder)) return result;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".safetensors") continue;
    const std::string path = entry.path().string();
    const TensorFile file = read_safetensors(path);
    if (metadata_of(file, "format") != "obverse-classifier") continue;
    result.push_back({path, metadata_of(file, "data"), std::atof(metadata_of(file, "test_accuracy").c_str()),
                      sha256(read_file(path))});
  }
  std::sort(result.begin(), result.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return result;
}

}  // namespace obverse
