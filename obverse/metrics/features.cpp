#include "obverse/metrics/features.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <filesystem>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/io/files.h"
#include "obverse/io/safetensors.h"
#include "obverse/metrics/cache.h"
#include "obverse/metrics/classifier.h"

namespace obverse {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kSlice = 500;

// The sample's own numbers.
class Identity : public FeatureNetwork {
 public:
  Identity(std::string kind, int64_t width) {
    name = std::move(kind);
    dims = width;
  }
  at::Tensor features(const at::Tensor& x) override { return x.flatten(1); }
};

// A network of one channel, applied to each: features side by side, logits a channel.
class PerChannel : public FeatureNetwork {
 public:
  PerChannel(std::unique_ptr<FeatureNetwork> network, int64_t channels)
      : network_(std::move(network)), channels_(channels) {
    name = network_->name + "-per-channel";
    hash = network_->hash;
    resize = network_->resize;
    dims = channels * network_->dims;
    test_accuracy = network_->test_accuracy;
  }
  at::Tensor features(const at::Tensor& x) override {
    if (x.dim() != 4 || x.size(1) != channels_) fail("{}: needs images of {} channels", name, channels_);
    return network_->features(x.flatten(0, 1).unsqueeze(1)).view({x.size(0), dims});
  }
  int64_t classes() const override { return network_->classes(); }
  int64_t judged() const override { return channels_; }
  at::Tensor logits(const at::Tensor& features) override {
    return network_->logits(features.reshape({-1, network_->dims})).view({features.size(0), channels_, classes()});
  }

 private:
  std::unique_ptr<FeatureNetwork> network_;
  int64_t channels_;
};

int64_t sample_width(const Dataset& data) {
  int64_t width = 1;
  for (const int64_t size : data.domain.shape) width *= size;
  return width;
}

bool is_image(const Dataset& data) { return data.domain.kind == Domain::Kind::image; }

// The classifier of a data set of the table, trained on all of it.
std::unique_ptr<FeatureNetwork> classifier_of(const std::string& source, DataOptions options, const Log& log,
                                              const ClassifierTraining& training = {}) {
  options.source = source;
  options.labels = true;
  options.limit = 0;
  return classifier_features(load_dataset(options, "train"), load_dataset(options, "test"), log, training);
}

std::unique_ptr<FeatureNetwork> make_coordinates(const DataOptions&, const Dataset& train, const Log&) {
  return std::make_unique<Identity>("coordinates", sample_width(train));
}

std::unique_ptr<FeatureNetwork> make_pixels(const DataOptions&, const Dataset& train, const Log&) {
  return std::make_unique<Identity>("pixels", sample_width(train));
}

std::unique_ptr<FeatureNetwork> make_random(const DataOptions&, const Dataset& train, const Log&) {
  if (!is_image(train)) fail("{}: points are judged by their coordinates: leave out --features", train.name);
  return random_features(train.domain.shape.at(0));
}

std::unique_ptr<FeatureNetwork> make_channels(const DataOptions& options, const Dataset& train, const Log& log) {
  ClassifierTraining training;
  training.shift = 2;
  training.epochs = 8;  // the protocol's classifiers are right on about 99.25 %
  return std::make_unique<PerChannel>(classifier_of("mnist", options, log, training), train.domain.shape.at(0));
}

std::unique_ptr<FeatureNetwork> make_classifier(const DataOptions& options, const Dataset& train, const Log& log) {
  if (!train.labels.defined())
    fail("{}: has no labels to train a classifier on: take FILE.pt, random, pixels, or a data set's name", train.name);
  return classifier_of(options.source, options, log);
}

bool has_labels(const Dataset& train) { return is_image(train) && train.labels.defined(); }

}  // namespace

at::Tensor FeatureNetwork::logits(const at::Tensor&) {
  fail("{}: these features tell no classes apart: leave out --features to use the project's classifier", name);
}

std::string FeatureNetwork::label() const { return hash.empty() ? name : name + "-" + hash.substr(0, 8); }

static at::Tensor checked_features(FeatureNetwork& network, const at::Tensor& x) {
  const at::Tensor f = without_grad([&] { return network.features(x); });
  if (f.dim() != 2 || f.size(0) != x.size(0)) fail("{}: its output is not a vector for each sample", network.name);
  if (!f.sum(at::kDouble).isfinite().item<bool>())
    fail("{}: features hold values that are not finite: the samples or the network are broken", network.name);
  return f.to(at::kFloat);
}

at::Tensor features_of(FeatureNetwork& network, const at::Tensor& x) {
  std::vector<at::Tensor> parts;
  for (const at::Tensor& part : x.split(kSlice)) parts.push_back(checked_features(network, part));
  return at::cat(parts);
}

at::Tensor features_of(FeatureNetwork& network, const Dataset& data, const at::Tensor& rows) {
  std::vector<at::Tensor> parts;
  const at::Tensor wanted = rows.defined() ? rows : at::arange(data.size(), at::kLong);
  for (const at::Tensor& part : wanted.split(kSlice)) parts.push_back(checked_features(network, data.get(part).x));
  return at::cat(parts);
}

at::Tensor cached_features_of(FeatureNetwork& network, const Dataset& data) {
  if (network.hash.empty()) return features_of(network, data);
  const std::string key = sha256(data.hash() + network.hash + network.label() + network.resize).substr(0, 24);
  const std::string path = fmt::format("{}/statistics-{}.safetensors", feature_cache(), key);
  const CacheLock lock(path);
  if (fs::exists(path)) return find_tensor(read_safetensors(path).tensors, "features", path);
  const at::Tensor features = features_of(network, data);
  write_safetensors(
      path, {{"features", features}},
      {{"format", "obverse-features"}, {"data", data.name}, {"split", data.split}, {"network", network.label()}});
  return features;
}

const std::vector<FeatureRow>& feature_table() {
  static const std::vector<FeatureRow> table = {
      {"coordinates", "points as they are", [](const Dataset& d) { return !is_image(d); }, make_coordinates},
      {"channels", "the MNIST classifier on each channel of Stacked MNIST (Metz 2017)",
       [](const Dataset& d) { return d.name == "stacked-mnist"; }, make_channels},
      {"classifier", "64 penultimate features of a small classifier trained on the data set itself", has_labels,
       make_classifier},
      {"random", "448 statistics of a fixed random convolutional network: for images without labels", is_image,
       make_random},
      {"pixels", "images as they are; only when asked for", [](const Dataset&) { return false; }, make_pixels},
  };
  return table;
}

static bool is_torchscript(const std::string& path) {
  const size_t dot = path.rfind('.');
  const std::string extension = dot == std::string::npos ? "" : path.substr(dot);
  return extension == ".pt" || extension == ".pth" || extension == ".ts";
}

static const FeatureRow& suitable_row(const Dataset& train) {
  for (const FeatureRow& row : feature_table())
    if (row.suits(train)) return row;
  return find_row(feature_table(), "features", "classifier");  // says what is missing
}

void check_features(const std::string& wanted) {
  if (wanted.empty()) return;
  if (is_torchscript(wanted)) {
    if (!fs::exists(wanted)) fail("{}: no such file", wanted);
    return;
  }
  std::vector<std::string> known = names(feature_table());
  for (const std::string& data : names(dataset_table())) known.push_back(data);
  if (std::find(known.begin(), known.end(), wanted) == known.end())
    fail("--features: {}, or a TorchScript file (.pt)", unknown_name("features", wanted, known));
}

std::unique_ptr<FeatureNetwork> choose_features(const std::string& wanted, const DataOptions& options,
                                                const Dataset& train, const Log& log) {
  check_features(wanted);
  if (is_torchscript(wanted)) return torchscript_features(wanted);
  for (const std::string& data : names(dataset_table())) {
    if (wanted != data) continue;
    DataOptions other;
    other.size = options.size;
    return classifier_of(wanted, other, log);
  }
  if (wanted.empty() && log && is_image(train) && !train.labels.defined())
    log(
        fmt::format("{}: no labels to train a classifier on: features are those of a fixed random network (--features: "
                    "FILE.pt, pixels, or a data set's name)",
                    train.name));
  const FeatureRow& row = wanted.empty() ? suitable_row(train) : find_row(feature_table(), "features", wanted);
  return row.make(options, train, log);
}

}  // namespace obverse
