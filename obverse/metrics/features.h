#pragma once

#include <ATen/core/Tensor.h>

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "obverse/data/dataset.h"

namespace obverse {

/// Turns samples into the vectors that metrics compare. Weights are frozen; nothing is drawn at random.
class FeatureNetwork {
 public:
  virtual ~FeatureNetwork() = default;
  /// x: [N, ...] float32 of the data's domain, images in [-1, 1]; returns [N, dims] float32.
  virtual at::Tensor features(const at::Tensor& x) = 0;

  /// Classes it tells apart; 0: it has no logits. `judged`: parts of a sample that it classifies one by one.
  virtual int64_t classes() const { return 0; }
  virtual int64_t judged() const { return 1; }
  /// features: [N, dims]; returns [N, judged, classes]. Throws UserError when there are no classes.
  virtual at::Tensor logits(const at::Tensor& features);

  std::string name;  // "fashion-mnist-classifier"
  std::string hash;  // SHA-256 of its file; empty when it has no weights
  std::string resize = "none";
  int64_t dims = 0;
  double test_accuracy = std::nan("");
  bool inception = false;  // figures may carry the published protocols' names

  /// What stands for it in a metric's name: "fashion-mnist-classifier-1a2b3c4d".
  std::string label() const;
};

/// features in slices of 500, without gradients. Throws UserError when the network's output is not [N, F], or a value
/// is not finite. The second form takes rows (int64, all when undefined) of a data set.
at::Tensor features_of(FeatureNetwork& network, const at::Tensor& x);
at::Tensor features_of(FeatureNetwork& network, const Dataset& data, const at::Tensor& rows = {});

/// Of all samples of a data set, kept in the cache under the hash of data, network and resizing; a network without
/// weights is not worth it. Of two processes that want the same one makes it and the other waits.
at::Tensor cached_features_of(FeatureNetwork& network, const Dataset& data);

/// Told in words what takes long.
using Log = std::function<void(const std::string& line)>;

/// Where a data set's features come from when the user names none, or names the row.
struct FeatureRow {
  std::string name, source;
  bool (*suits)(const Dataset& train);
  std::unique_ptr<FeatureNetwork> (*make)(const DataOptions& options, const Dataset& train, const Log& log);
};

/// coordinates (points), channels (Stacked MNIST), classifier (images with labels), random, pixels.
const std::vector<FeatureRow>& feature_table();

/// Throws UserError unless choose_features knows the name, or finds the file.
void check_features(const std::string& wanted);

/// wanted: empty (the first row that suits the data), a row's name, a TorchScript file (.pt, .pth, .ts), or the name of
/// a data set whose classifier is used. `options` is what `train` was loaded by. Throws UserError when nothing suits.
std::unique_ptr<FeatureNetwork> choose_features(const std::string& wanted, const DataOptions& options,
                                                const Dataset& train, const Log& log = {});

/// Three convolutions of random weights (He 2015), the same everywhere; means and standard deviations over places of
/// every channel after each. They see texture and layout but know nothing of the world: for data with no labels, when
/// nothing better is at hand. channels: of the images.
std::unique_ptr<FeatureNetwork> random_features(int64_t channels);

/// A network saved by torch.jit.save. It is fed float32 in [-1, 1] unless a card beside it says otherwise: FILE.json
/// with any of {"name": text, "input": text, "channels": 3, "size": 299, "resize": text, "arguments":
/// {"return_features": true}}. input: "float" in [-1, 1], "float255" in [0, 255] or "uint8"; channels: grey images are
/// repeated to it; size: images are resized to it by `resize`, a mode of resize_images, before anything else; without a
/// size, resize tells what the network does itself, for the record; "output": "features", or of a classifier "logits"
/// or "probabilities", which the inception score and the shares of classes are made of; arguments: passed by name. The
/// name "inception" gives figures their published names (fid50k_full).
std::unique_ptr<FeatureNetwork> torchscript_features(const std::string& path);

/// Images [N, C, H, W] in [-1, 1] to size x size. mode: "pil-bicubic", antialiased, floats in between, clamped (what
/// clean-fid does, Parmar 2022), or "legacy-bilinear", PyTorch's without antialiasing, which the first ports of FID
/// used. Throws UserError for another.
at::Tensor resize_images(const at::Tensor& x, int64_t size, const std::string& mode);

}  // namespace obverse
