#include "obverse/metrics/classifier.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "obverse/core/autograd.h"
#include "obverse/core/error.h"
#include "obverse/metrics/small_adam.h"

namespace obverse {

Classifier::Classifier(const std::vector<int64_t>& shape, int64_t classes, Rng& rng) {
  ConvOptions options;
  options.init = Init::he(0);
  int64_t channels = shape.at(0), height = shape.at(1), width = shape.at(2), next = 32;
  do {
    convolutions_.push_back(
        child("conv" + std::to_string(convolutions_.size()), std::make_shared<Conv2d>(channels, next, rng, options)));
    channels = next;
    next = 64;
    height = (height + 1) / 2;
    width = (width + 1) / 2;
  } while (std::max(height, width) > 8);
  hidden_ = child("hidden", std::make_shared<Linear>(channels * height * width, kFeatures, rng, options));
  LayerOptions last;
  last.init = Init::he(1);
  head_ = child("head", std::make_shared<Linear>(kFeatures, classes, rng, last));
}

at::Tensor Classifier::features(const at::Tensor& x) {
  at::Tensor h = x;
  for (const auto& conv : convolutions_)  // ReLU after pooling: the same function on a quarter of the numbers
    h = at::relu(at::max_pool2d(conv->forward(h), {2, 2}, {2, 2}, 0, 1, /*ceil_mode=*/true));
  return full_precision(at::relu(hidden_->forward(h.flatten(1))));
}

at::Tensor Classifier::logits(const at::Tensor& features) { return full_precision(head_->forward(features)); }

namespace {

std::vector<at::Tensor> values(const NamedTensors& parameters) {
  std::vector<at::Tensor> result;
  for (const auto& [name, p] : parameters) result.push_back(p);
  return result;
}

void check_labels(const Dataset& data) {
  if (data.domain.kind != Domain::Kind::image)
    fail("{}: points need no classifier: metrics use their coordinates", data.name);
  if (!data.labels.defined() || data.domain.classes.size() < 2)
    fail("{}: has no labels of two or more classes to train a classifier on", data.name);
}

}  // namespace

// The whole batch moved by the same random step.
static at::Tensor shifted(const at::Tensor& x, int64_t most, Rng& rng) {
  if (most == 0) return x;
  const at::Tensor step = rng.integers(2 * most + 1, {2}) - most;
  const auto right = step[0].item<int64_t>(), down = step[1].item<int64_t>();
  return at::constant_pad_nd(x, {right, -right, down, -down}, -1);
}

std::shared_ptr<Classifier> train_classifier(const Dataset& train, const ClassifierTraining& training, const Log& log) {
  check_labels(train);
  if (train.size() < training.batch)
    fail(
        "{}: {} samples are too few to train a classifier on: take other features (--features, eval.features of a "
        "recipe), FILE.pt or pixels",
        train.name, train.size());
  Rng weights(training.seed, "classifier weights"), order(training.seed, "classifier order");
  auto network =
      std::make_shared<Classifier>(train.domain.shape, static_cast<int64_t>(train.domain.classes.size()), weights);
  network->set_placement(choose_placement(training.precision));
  SmallAdam optimiser(values(network->parameters()));
  const int64_t steps_an_epoch = train.size() / training.batch;
  const double steps = static_cast<double>(training.epochs * steps_an_epoch);
  double step = 0;
  for (int64_t epoch = 0; epoch < training.epochs; ++epoch) {
    double mean_loss = 0;
    const at::Tensor rows = order.permutation(train.size()).slice(0, 0, steps_an_epoch * training.batch);
    for (const at::Tensor& part : rows.split(training.batch)) {
      const Batch batch = train.get(part);
      const at::Tensor loss =
          at::cross_entropy_loss(network->logits(network->features(shifted(batch.x, training.shift, order))), batch.y);
      optimiser.step(loss, training.lr * 0.5 * (1 + std::cos(3.14159265358979 * step++ / steps)));
      mean_loss += loss.item<double>() / static_cast<double>(steps_an_epoch);
    }
    if (log)
      log(fmt::format("classifier of {}: epoch {} of {}, loss {:.3f}", train.name, epoch + 1, training.epochs,
                      mean_loss));
  }
  network->set_requires_grad(false);
  network->train(false);
  network->set_placement({});
  return network;
}

double accuracy(Classifier& classifier, const Dataset& data) {
  check_labels(data);
  int64_t right = 0;
  without_grad([&] {
    for (const at::Tensor& rows : at::arange(data.size(), at::kLong).split(500)) {
      const Batch batch = data.get(rows);
      right += (classifier.logits(classifier.features(batch.x)).argmax(1) == batch.y).sum().item<int64_t>();
    }
    return 0;
  });
  return static_cast<double>(right) / static_cast<double>(data.size());
}

}  // namespace obverse
