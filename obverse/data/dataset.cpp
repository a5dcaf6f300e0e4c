#include "obverse/data/dataset.h"

#include <ATen/ATen.h>
#include <fmt/ranges.h>

#include <array>
#include <filesystem>
#include <stdexcept>

#include "obverse/core/error.h"
#include "obverse/core/table.h"
#include "obverse/data/named.h"
#include "obverse/data/sources.h"
#include "obverse/io/files.h"

namespace obverse {

std::string Domain::text() const {
  const std::string what = kind == Kind::image ? fmt::format("{} images", fmt::join(shape, "x"))
                                               : fmt::format("points in {} dimensions", shape.at(0));
  return classes.empty() ? what : fmt::format("{}, {} classes", what, classes.size());
}

// 0..255 to [-1, 1].
static const std::array<float, 256>& byte_values() {
  static const std::array<float, 256> values = [] {
    std::array<float, 256> v;
    for (int i = 0; i < 256; ++i) v[static_cast<size_t>(i)] = static_cast<float>(i / 127.5 - 1);
    return v;
  }();
  return values;
}

// Chosen rows of bytes as floats, in one pass. A plain loop: a batch is too small to be worth waking threads for.
static at::Tensor images_of(const at::Tensor& samples, const at::Tensor& rows) {
  std::vector<int64_t> shape = samples.sizes().vec();
  shape[0] = rows.size(0);
  at::Tensor x = at::empty(shape, at::kFloat);
  const at::Tensor bytes = samples.contiguous(), index = rows.contiguous();
  const int64_t n = samples.size(0), width = samples.numel() / std::max<int64_t>(1, n);
  const auto& values = byte_values();
  auto* out = x.data_ptr<float>();
  for (int64_t i = 0; i < rows.size(0); ++i) {
    const int64_t row = index.data_ptr<int64_t>()[i];
    if (row < 0 || row >= n) throw std::out_of_range("a row outside the data set");
    const uint8_t* in = bytes.data_ptr<uint8_t>() + row * width;
    for (int64_t j = 0; j < width; ++j) *out++ = values[in[j]];
  }
  return x;
}

Batch Dataset::get(const at::Tensor& rows) const {
  Batch batch;
  batch.x = domain.kind == Domain::Kind::image ? images_of(samples, rows) : samples.index_select(0, rows);
  if (labels.defined()) batch.y = labels.index_select(0, rows);
  return batch;
}

Batch Dataset::head(int64_t n) const {
  if (n > size()) fail("{}: {} samples wanted, the {} split has {}", name, n, split, size());
  return get(at::arange(n < 0 ? size() : n, at::kLong));
}

Batch Dataset::draw(int64_t n, Rng& rng) const {
  if (n > size()) fail("{}: {} samples wanted, the {} split has {}", name, n, split, size());
  return get(rng.permutation(size()).slice(0, 0, n));
}

std::string Dataset::hash() const {
  const auto content = [](const at::Tensor& t) {
    const at::Tensor plain = t.contiguous();
    return fmt::format("{}[{}]{}", c10::toString(plain.scalar_type()), fmt::join(plain.sizes().vec(), ","),
                       sha256(plain.data_ptr(), plain.nbytes()));
  };
  return sha256(content(samples) + (labels.defined() ? content(labels) : ""));
}

void DataOptions::describe(Fields& f) {
  f("source", source, "a data set known by name, or a path: a folder of PNG or JPEG, a .zip, a .npz, an IDX file");
  f("path", path, "where a named data set lies, if not in its usual place");
  f("size", size, "crop images to a square in the middle and resize them to size x size; 0: as they are",
    Range{0, 4096});
  f("labels", labels, "use labels where there are any");
  f("limit", limit, "use only the first samples of the training split; 0: all", kNotNegative);
}

const std::vector<DatasetRow>& dataset_table() {
  static const std::vector<DatasetRow> table = {
      {"fashion-mnist", "Xiao 2017: 60,000 + 10,000 grey images of garments, 28x28, 10 classes", load_fashion_mnist},
      {"mnist", "LeCun 1998: 60,000 + 10,000 grey images of digits, 28x28, 10 classes", load_mnist},
      {"stacked-mnist", "Metz 2017: three random MNIST digits as red, green and blue, 1000 classes",
       load_stacked_mnist},
      {"emoji", "npm emoji-datasource 16: half of the emoji in Apple's style, the others in Google's, 64x64 on white",
       load_emoji},
      {"emoji-apple", "npm emoji-datasource-apple 16: emoji, 64x64 on white", load_emoji_apple},
      {"emoji-google", "npm emoji-datasource-google 16: emoji, 64x64 on white", load_emoji_google},
      {"ring", "Srivastava 2017 (VEEGAN): 8 Gaussians of std 0.01 on a circle of radius 1", load_ring},
      {"grid", "Srivastava 2017 (VEEGAN): 25 Gaussians of std 0.05 at {-4, -2, 0, 2, 4}^2", load_grid},
      {"swiss-roll", "Grathwohl 2019 (FFJORD): t (cos t, sin t) plus noise of std 1, over 5; t in [1.5 pi, 4.5 pi]",
       load_swiss_roll},
  };
  return table;
}

bool is_path(const std::string& source) {
  for (const DatasetRow& row : dataset_table())
    if (row.name == source) return false;
  return source.find_first_of("/.") != std::string::npos || std::filesystem::exists(source);
}

static void keep_first(Dataset& data, int64_t n) {
  data.samples = data.samples.slice(0, 0, n);
  if (data.labels.defined()) data.labels = data.labels.slice(0, 0, n);
}

Dataset load_dataset(const DataOptions& options, const std::string& split) {
  if (split != "train" && split != "test") fail("unknown split '{}': use train or test", split);
  if (options.source.empty()) fail("no data set was named: say which with --data");
  Dataset data = is_path(options.source) ? load_path(options, split)
                                         : find_row(dataset_table(), "data set", options.source).load(options, split);
  data.split = split;
  if (!options.labels) data.labels = at::Tensor(), data.domain.classes.clear();
  if (options.limit > 0 && options.limit < data.size() && split == "train") keep_first(data, options.limit);
  return data;
}

}  // namespace obverse
